// Plays one file of the corpus to a running wattlog: what the back end of that day called goes out as commands, what the
// station said comes in, byte for byte but for the ids that we gave: those of our commands and transactions.
import { commandIdOf, trusted } from "../../core/ids/ids.ts";
import { party } from "../harness/gateway.ts";
import type { CommandView } from "../harness/rest.ts";
import { TestStation, type ReceivedCommand } from "../harness/station.ts";
import { eventually, within } from "../harness/wait.ts";
import type { Running } from "../harness/wattlog.ts";
import { elementsOf, type CorpusFile, type CorpusFrame } from "./corpus.ts";

/** What became of one frame. A command's answer is told by the command's outcome. */
export type Verdict =
  | "answer"
  | "error"
  | "quarantined"
  | "refused"
  | `command ${"accepted" | "rejected" | "error"}`
  | `unexpected: ${string}`;

export interface Played {
  readonly verdicts: Readonly<Record<string, Verdict>>;
  /** What the station sent, in order. */
  readonly sent: readonly string[];
  /** What the log has of it, in order. */
  readonly logged: readonly string[];
  /** Answers that reached the station other than the log has them. */
  readonly unlikeLog: readonly string[];
}

interface LoggedFrame {
  readonly kind: string;
  readonly direction?: "fromStation" | "toStation";
  readonly frame?: string;
  readonly answer?: string | null;
  readonly messageId?: string;
}

const answerMs = 30_000;
/** For a command whose answer is not in the excerpt: the next one waits for its end. */
const unansweredSeconds = 1;
const call = 2;

export async function play(file: CorpusFile, running: Running, id: string): Promise<Played> {
  const station = await TestStation.connect({ url: running.ocppUrl, id, protocol: file.protocol });
  const player = new Player(file, running, station);
  await player.begin();
  for (const frame of file.frames) await player.next(frame);
  return player.end();
}

class Player {
  private readonly running: Running;
  private readonly station: TestStation;
  private readonly sent: string[] = [];
  /** By number of the frame: where in `sent` it is. */
  private readonly places = new Map<number, number>();
  private readonly refused: number[] = [];
  /** Ids of that day -> ours. */
  private readonly commandIds = new Map<string, string>();
  private readonly transactionIds = new Map<string, string>();
  private readonly arrivals = new Map<string, () => void>();
  private readonly answered: ReadonlySet<string>;
  /** Of each StartTransaction, by its message id: the transactionId that it was given that day. */
  private readonly given: ReadonlyMap<string, string>;

  constructor(file: CorpusFile, running: Running, station: TestStation) {
    this.running = running;
    this.answered = new Set(file.frames.flatMap(answeredId));
    this.given = new Map(file.frames.flatMap(givenTransaction));
    this.station = station;
    station.onCommand = (command) => this.commanded(command);
  }

  async begin(): Promise<void> {
    // Shows life, so that the station is online and can be sent commands, whatever the file begins with.
    await this.exchange("before", JSON.stringify([call, "before", "Heartbeat", {}]));
    await this.running.rest.online(this.station.id);
  }

  async next(frame: CorpusFrame): Promise<void> {
    if (frame.dir === "out") return this.command(frame);
    const text = this.rewritten(frame.frame);
    this.places.set(frame.n, this.sent.length);
    const elements = elementsOf(text);
    if (elements?.[0] !== call) return this.send(text);
    const id = String(elements[1]);
    const answer = await this.exchange(id, text);
    const payload = answer[2] as { readonly transactionId?: number } | undefined;
    const before = this.given.get(id);
    if (before !== undefined && payload?.transactionId) this.transactionIds.set(before, String(payload.transactionId));
  }

  async end(): Promise<Played> {
    await this.exchange("after", JSON.stringify([call, "after", "Heartbeat", {}]));
    const { rest } = this.running;
    const path = encodeURIComponent(this.station.id);
    const items = await eventually(`the log of ${this.station.id}`, async () => {
      const page = await rest.all<LoggedFrame>(`/frames?station=${path}`);
      return page.some(({ messageId }) => messageId === "after") ? page : undefined;
    });
    const logged = items.filter(({ direction }) => direction === "fromStation");
    const verdicts: Record<string, Verdict> = Object.fromEntries(this.refused.map((n) => [n, "refused"]));
    for (const [n, place] of this.places) verdicts[n] = await this.verdictOf(logged[place]);
    const received = new Set(this.station.received.map(({ text }) => text));
    await this.station.close();
    // Everything that the station said is folded and projected by then.
    await eventually(`${this.station.id} to be offline`, async () => {
      const { online } = await rest.get<{ online: boolean }>(`/stations/${path}`);
      return !online;
    });
    return {
      verdicts,
      sent: this.sent,
      logged: logged.map(({ frame }) => frame ?? ""),
      unlikeLog: logged.flatMap(({ answer }) => (answer && !received.has(answer) ? [answer] : [])),
    };
  }

  private async command({ n, frame }: CorpusFrame): Promise<void> {
    const [type, id, action, payload] = elementsOf(frame) ?? [];
    if (type !== call) return;
    const timeoutSeconds = this.answered.has(String(id)) ? 30 : unansweredSeconds;
    const arrived = Promise.withResolvers<void>();
    const idempotencyKey = `${this.station.id}-${n}`;
    const ours = commandIdOf(party, trusted.station(this.station.id), idempotencyKey);
    this.arrivals.set(ours, arrived.resolve);
    const request = { action, payload, timeoutSeconds, idempotencyKey };
    const { status, body } = await this.running.rest.command(this.station.id, request);
    if (status === 422) return void this.refused.push(n);
    if (status !== 202) throw new Error(`command ${n} was answered ${status}: ${JSON.stringify(body)}`);
    this.commandIds.set(String(id), ours);
    if ((await within(answerMs, arrived.promise)) === "nothing")
      throw new Error(`command ${n} never reached the station`);
  }

  /** The file has the answers to its own commands, and none to what wattlog asks by itself. */
  private commanded({ id }: ReceivedCommand): undefined {
    const arrived = this.arrivals.get(id);
    if (arrived) arrived();
    else this.send(JSON.stringify([4, id, "NotImplemented", "", {}]));
  }

  private rewritten(text: string): string {
    const id = elementsOf(text)?.[1];
    const ours = elementsOf(text)?.[0] === call ? undefined : this.commandIds.get(String(id));
    const renamed = ours === undefined ? text : text.replace(JSON.stringify(id), JSON.stringify(ours));
    return renamed.replace(/("transactionId":\s*)(\d+)/, (all, head: string, digits: string) => {
      const given = this.transactionIds.get(digits);
      return given === undefined ? all : head + given;
    });
  }

  private send(text: string): void {
    this.sent.push(text);
    this.station.sendRaw(text);
  }

  private async exchange(id: string, text: string): Promise<readonly unknown[]> {
    this.sent.push(text);
    return (await this.station.exchange({ id, text }, answerMs)).frame;
  }

  private async verdictOf(logged: LoggedFrame | undefined): Promise<Verdict> {
    switch (logged?.kind) {
      case "exchange": {
        const type = elementsOf(logged.answer ?? "")?.[0];
        return type === 3 ? "answer" : type === 4 ? "error" : `unexpected: ${String(logged.answer)}`;
      }
      case "quarantined":
        return "quarantined";
      case "commandResult": {
        const { outcome } = await this.running.rest.commandDone(logged.messageId ?? "");
        return verdictOfOutcome(outcome);
      }
      default:
        return `unexpected: ${logged?.kind ?? "not in the log"}`;
    }
  }
}

function verdictOfOutcome(outcome: CommandView["outcome"]): Verdict {
  if (outcome === "accepted" || outcome === "rejected" || outcome === "error") return `command ${outcome}`;
  return `unexpected: ${outcome ?? "no outcome"}`;
}

/** The id of a CALL that a frame of the station answers. */
function answeredId({ dir, frame }: CorpusFrame): string[] {
  const elements = elementsOf(frame);
  return dir === "in" && elements !== undefined && elements[0] !== call ? [String(elements[1])] : [];
}

function givenTransaction({ dir, frame }: CorpusFrame): [string, string][] {
  const [type, id, payload] = elementsOf(frame) ?? [];
  if (dir !== "out" || type !== 3) return [];
  const { transactionId } = payload as { readonly transactionId?: number };
  return transactionId === undefined ? [] : [[String(id), String(transactionId)]];
}
