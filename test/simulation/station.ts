// A charging station as the field has them: it boots, charges, queues what it could not say, says things twice, falls
// silent, comes back elsewhere, and answers commands, late, or never.
import { Charging, type Message } from "./charging.ts";
import type { Journal } from "./journal.ts";
import type { GatewaySockets, Line, Network } from "./network.ts";
import type { Random } from "./random.ts";

export interface StationNeeds {
  readonly network: Network;
  readonly random: Random;
  readonly journal: Journal;
  /** Where to connect; undefined: nowhere now. */
  readonly gateway: () => GatewaySockets | undefined;
}

interface Outstanding {
  readonly message: Message;
  readonly id: string;
  readonly text: string;
  readonly sentOn: string;
}

/** calm: no mischief any more, everything that is open is finished; gone: it does not come back. */
export type Temper = "wild" | "calm" | "gone";

export class Station {
  readonly id: string;
  readonly protocol: string;
  readonly charging: Charging;
  temper: Temper = "wild";
  /** The line that it believes in. */
  line: Line | undefined;
  isConnected = false;
  /** It has had an answer on this line since it calmed down: a line may be dead without a sign of it. */
  isSure = false;
  private readonly needs: StationNeeds;
  private readonly queue: Message[] = [];
  private outstanding: Outstanding | undefined;
  private messages = 0;
  /** Attempts and time-outs of an earlier line mean nothing. */
  private turn = 0;
  private hasBooted = false;
  private last: Message | undefined;

  constructor(id: string, protocol: string, needs: StationNeeds) {
    this.id = id;
    this.protocol = protocol;
    this.needs = needs;
    const now = (): number => needs.network.scheduler.now;
    this.charging = new Charging(id, protocol, needs.random, now, (message) => this.enqueue(message));
  }

  get hasSaidAll(): boolean {
    return this.queue.length === 0 && !this.charging.isCharging;
  }

  switchOn(): void {
    this.connectIn(this.needs.random.between(0, 2_000));
    this.liveIn();
  }

  calmDown(): void {
    this.temper = "calm";
    this.isSure = false;
  }

  // --- the line ---

  private connectIn(ms: number): void {
    const turn = ++this.turn;
    this.later(ms, `${this.id} connects`, () => {
      if (turn === this.turn && this.temper !== "gone") this.connect(turn);
    });
  }

  private connect(turn: number): void {
    const { network, random, gateway } = this.needs;
    const line = network.connect(gateway(), `/${this.id}`, this.protocol, {
      refused: () => this.again(turn),
      opened: () => {
        if (turn !== this.turn) return;
        this.isConnected = true;
        this.greet();
      },
      message: (text) => this.heard(line, text),
      closed: () => this.again(turn),
    });
    this.line = line;
    this.later(random.between(3_000, 6_000), `${this.id} waits for its line`, () => {
      if (turn === this.turn && !this.isConnected) this.giveUp("leaves");
    });
  }

  private again(turn: number): void {
    if (turn !== this.turn) return;
    this.isConnected = false;
    this.isSure = false;
    this.connectIn(this.needs.random.between(300, this.temper === "wild" ? 5_000 : 1_500));
  }

  private giveUp(how: "leaves" | "abandon"): void {
    this.line?.[how]();
    this.isConnected = false;
    this.isSure = false;
    this.connectIn(this.needs.random.between(100, this.temper === "wild" ? 6_000 : 1_500));
  }

  private greet(): void {
    const { random } = this.needs;
    const before = this.outstanding;
    this.outstanding = undefined;
    if (!this.hasBooted || random.chance(0.4)) {
      this.hasBooted = true;
      this.send(boot(this.protocol));
    } else if (before && random.chance(0.7)) {
      // What was not answered is said again, under the same message id.
      this.send(before.message, before.id);
    } else this.pump();
  }

  // --- saying things ---

  private enqueue(message: Message): void {
    const { queue } = this;
    queue.push(message);
    const before = queue.at(-2);
    // Only what waits unsent: the queue of an offline station.
    const mayMove = message.isMovable && before?.isMovable && before !== this.outstanding?.message && !this.isConnected;
    if (mayMove && this.needs.random.chance(0.2)) queue.splice(-2, 2, message, before);
    this.pump();
  }

  private pump(): void {
    if (!this.isConnected || this.outstanding) return;
    const next = this.queue[0];
    if (next) this.send(next);
  }

  private send(message: Message, id = `${this.id}-${++this.messages}`): void {
    const { random, journal } = this.needs;
    const { line } = this;
    if (!line || !this.isConnected) return;
    const text = JSON.stringify([2, id, message.action, message.payload()]);
    const outstanding = { message, id, text, sentOn: line.connectionId };
    this.outstanding = outstanding;
    journal.called(this.id, line.connectionId, id, text);
    line.says(text);
    if (this.temper === "wild" && random.chance(0.05)) line.says(text);
    if (this.temper === "wild" && random.chance(0.12)) this.sayMore(line);
    this.expectAnswer(outstanding, line);
  }

  /** Some do not wait for an answer before they say the next thing (ocpp.md: tolerated on receive). */
  private sayMore(line: Line): void {
    const id = `${this.id}-${++this.messages}`;
    const text = JSON.stringify([2, id, "Heartbeat", {}]);
    this.needs.journal.called(this.id, line.connectionId, id, text);
    line.says(text);
  }

  private expectAnswer(outstanding: Outstanding, line: Line): void {
    const { random } = this.needs;
    this.later(random.between(5_000, 12_000), `${this.id} waits for an answer`, () => {
      if (this.outstanding !== outstanding || this.line !== line || !this.isConnected) return;
      if (this.temper === "wild" && random.chance(0.3)) {
        line.says(outstanding.text);
        this.expectAnswer(outstanding, line);
      } else this.giveUp(random.chance(0.5) ? "leaves" : "abandon");
    });
  }

  private heard(line: Line, text: string): void {
    const [type, id, ...rest] = JSON.parse(text) as [number, string, ...unknown[]];
    if (type === 2) return this.commanded(line, id);
    this.needs.journal.answered(this.id, line.connectionId, id, text);
    const { outstanding } = this;
    if (line !== this.line || outstanding?.id !== id || outstanding.sentOn !== line.connectionId) return;
    this.outstanding = undefined;
    this.isSure = this.temper === "calm";
    const { message } = outstanding;
    if (this.queue[0] === message || this.queue.includes(message)) {
      this.queue.splice(this.queue.indexOf(message), 1);
      if (type === 3) message.answered?.(rest[0] as Readonly<Record<string, unknown>>);
      this.last = message;
    }
    const thinks = this.temper === "wild" ? this.needs.random.delay(60) : 5;
    this.later(thinks, `${this.id} goes on`, () => this.goOn());
  }

  private goOn(): void {
    if (this.outstanding || !this.isConnected) return;
    const { random } = this.needs;
    // Quirk 5: the same data once more, after it was answered.
    if (this.temper === "wild" && this.last?.transaction && random.chance(0.04)) {
      const { action, payload } = this.last;
      return this.send({ action, payload });
    }
    this.pump();
  }

  // --- being told things ---

  private commanded(line: Line, id: string): void {
    const { random, journal } = this.needs;
    journal.commanded(this.id, line.connectionId, id);
    const answer = (frame: unknown[], outcome: "accepted" | "rejected" | "error", ms: number): void =>
      this.later(ms, `${this.id} answers a command`, () => {
        if (line.isOver) return;
        journal.commandAnswered(id, outcome);
        line.says(JSON.stringify(frame));
      });
    const mood = this.temper === "wild" ? random.next() : 0;
    const ms = this.temper === "wild" ? random.delay(80) : 5;
    if (mood < 0.65) answer([3, id, { status: "Accepted" }], "accepted", ms);
    else if (mood < 0.8) answer([3, id, { status: "Rejected" }], "rejected", ms);
    else if (mood < 0.85) answer([4, id, "GenericError", "", {}], "error", ms);
    else if (mood < 0.93) answer([3, id, { status: "Accepted" }], "accepted", random.between(3_000, 20_000));
  }

  // --- a day in its life ---

  private liveIn(): void {
    const { random } = this.needs;
    const ms = this.temper === "wild" ? random.between(500, 4_000) : random.between(200, 1_000);
    this.later(ms, `${this.id} lives`, () => {
      if (this.temper === "gone") return;
      this.live();
      this.liveIn();
    });
  }

  private live(): void {
    const { random } = this.needs;
    if (this.temper === "calm") {
      if (this.charging.isCharging) this.charging.stop();
      else if (
        this.isConnected &&
        !this.outstanding &&
        this.queue.length === 0 &&
        (!this.isSure || random.chance(0.15))
      )
        this.send({ action: "Heartbeat", payload: () => ({}) });
      return;
    }
    const fate = random.next();
    if (fate < 0.04) this.giveUp("leaves");
    else if (fate < 0.08) this.giveUp("abandon");
    else if (fate < 0.1) this.line?.cut();
    else if (!this.charging.isCharging) {
      if (fate < 0.5) this.charging.start();
      else if (this.isConnected && !this.outstanding) this.send({ action: "Heartbeat", payload: () => ({}) });
    } else if (fate < 0.3) this.charging.stop();
    else this.charging.meter();
  }

  private later(ms: number, what: string, run: () => void): void {
    this.needs.network.scheduler.after(ms, undefined, "timer", what, run);
  }
}

function boot(protocol: string): Message {
  const payload =
    protocol === "ocpp1.6"
      ? { chargePointVendor: "Vendor", chargePointModel: "Model" }
      : { reason: "PowerUp", chargingStation: { vendorName: "Vendor", model: "Model" } };
  return { action: "BootNotification", payload: () => payload };
}
