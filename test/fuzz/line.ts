// One connection of one station that sends mutants, with its ledger. Every so many frames it asks for a heartbeat: once that
// is answered, whatever was sent before has been taken in, and what is unanswered then will never be answered.
import { WsClient, type WsClosed } from "../../bench/fleet/ws-client.ts";
import { within } from "../harness/wait.ts";
import { expectedOf, type Expected } from "./expected.ts";
import { ConnectionLedger, type Entry, type Faults } from "./ledger.ts";
import { protocolOf, type Version } from "./seeds.ts";

export interface LineOptions {
  readonly url: string;
  readonly version: Version;
  readonly station: string;
  readonly faults: Faults;
  /** A CALL of the CSMS came; undefined: answered NotImplemented. */
  readonly onCommand?: ((id: string) => boolean) | undefined;
}

/** Longer than a gateway may hold an answer. */
const answerMs = 30_000;
const closeMs = 10_000;
const boots: Readonly<Record<Version, object>> = {
  "1.6": { chargePointVendor: "Fuzz", chargePointModel: "Mutant" },
  "2.0.1": { reason: "PowerUp", chargingStation: { vendorName: "Fuzz", model: "Mutant" } },
};

/** The gateway closes above 100 messages a second (limits.ts); a burst of some hundred is allowed. */
const framesPerSecond = 85;
const burst = 300;

export class Line {
  readonly ledger: ConnectionLedger;
  readonly closed: Promise<WsClosed>;
  private readonly options: LineOptions;
  private readonly socket: WsClient;
  private readonly waiting = new Map<Entry, () => void>();
  private tokens = burst;
  private tokensAt = performance.now();
  private count = 0;

  /** Connects and boots. @throws where it is not let in. */
  static async open(options: LineOptions): Promise<Line> {
    const opened = Promise.withResolvers<Line>();
    const closed = Promise.withResolvers<WsClosed>();
    // What comes before `line` is there would be lost, but nothing comes before the boot.
    let line: Line | undefined;
    const socket = new WsClient(
      { url: `${options.url.replace(/\/+$/, "")}/${options.station}`, protocols: [protocolOf(options.version)] },
      {
        open: ({ connectionId }) => {
          line = new Line(options, socket, connectionId ?? "", closed.promise);
          opened.resolve(line);
        },
        message: (data) => line?.take(data.toString("utf8")),
        closed: (info) => {
          opened.reject(new Error(`${options.station} was not let in: ${info.httpStatus ?? info.code} ${info.reason}`));
          closed.resolve(info);
        },
      },
    );
    const made = await opened.promise;
    await made.sentinel("BootNotification", boots[options.version]);
    return made;
  }

  private constructor(options: LineOptions, socket: WsClient, connectionId: string, closed: Promise<WsClosed>) {
    this.options = options;
    this.socket = socket;
    this.closed = closed;
    this.ledger = new ConnectionLedger(options.version, options.station, connectionId, options.faults);
  }

  get isOpen(): boolean {
    return this.socket.isOpen;
  }

  /** Sends one frame, as soon as the gateway's limit of messages allows it. */
  async send(ref: string, bytes: Buffer, expected: Expected): Promise<void> {
    await this.token();
    if (!this.isOpen) return;
    this.ledger.sent(ref, bytes, expected);
    this.socket.sendText(bytes);
  }

  /** Sends what must end the connection, and waits for that. It never gets as far as the log. */
  async sendFatal(ref: string, bytes: Buffer): Promise<void> {
    await this.sentinel();
    this.socket.sendText(bytes);
    if ((await within(closeMs, this.closed)) !== "nothing") return;
    this.options.faults.add(ref, `the connection was not ended within ${closeMs} ms`);
    this.socket.destroy();
  }

  /** A CALL that is by the book: resolves once it is answered, and judges what was sent before it. */
  async sentinel(action = "Heartbeat", payload: object = {}): Promise<void> {
    await this.token();
    if (!this.isOpen) return;
    const { version, station } = this.options;
    const bytes = Buffer.from(JSON.stringify([2, `s-${this.count++}`, action, payload]));
    const entry = this.ledger.sent(`${station} ${action}`, bytes, expectedOf({ version, action }, bytes, undefined));
    const { promise, resolve } = Promise.withResolvers<void>();
    this.waiting.set(entry, resolve);
    this.socket.sendText(bytes);
    const first = await within(answerMs, Promise.race([promise, this.closed]));
    this.waiting.delete(entry);
    if (first === "nothing") this.options.faults.add(station, `${action} was not answered within ${answerMs} ms`);
    else if (first !== undefined) this.lost(first);
    else this.ledger.settle(entry);
  }

  async close(): Promise<void> {
    this.socket.close(1000, "");
    await within(closeMs, this.closed);
    this.socket.destroy();
  }

  private lost({ code, reason }: WsClosed): void {
    const last = this.ledger.entries.slice(-20).map(({ ref }) => ref);
    this.options.faults.add(last.at(-2) ?? this.options.station, `the connection was closed (${code} ${reason})`);
  }

  private take(text: string): void {
    const frame = JSON.parse(text) as unknown[];
    if (frame[0] === 2) return this.commanded(String(frame[1]));
    const entry = this.ledger.received(text, frame);
    if (entry) this.waiting.get(entry)?.();
  }

  private commanded(id: string): void {
    if (this.options.onCommand?.(id)) return;
    // Something that wattlog asks by itself.
    const bytes = Buffer.from(JSON.stringify([4, id, "NotImplemented", "", {}]));
    const expected = { kept: "commandResult", answer: null, isMessage: true, fitsSchema: true } as const;
    this.ledger.sent(`${this.options.station} to a command of wattlog's own`, bytes, expected);
    this.socket.sendText(bytes);
  }

  private async token(): Promise<void> {
    for (;;) {
      const now = performance.now();
      this.tokens = Math.min(burst, this.tokens + ((now - this.tokensAt) / 1000) * framesPerSecond);
      this.tokensAt = now;
      if (this.tokens >= 1) break;
      await new Promise((resolve) => setTimeout(resolve, 1 + ((1 - this.tokens) / framesPerSecond) * 1000));
    }
    this.tokens--;
  }
}
