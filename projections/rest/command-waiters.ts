// `?wait`: requests that hang until a command's outcome is known. Answered from the gateway's receipt of the result,
// judged by its log time (rule C4); whoever missed that message is answered from the projection.
import type { BusMessage, CommandBus } from "../../core/bus/bus.ts";
import type { NodeId } from "../../core/ids/ids.ts";
import type { EventLog, LogRecord } from "../../core/log/log.ts";
import { outcomeOf } from "../../core/ocpp/command-outcome.ts";
import { parseFrame } from "../../core/ocpp/framing.ts";
import { decodeRecord } from "../../core/records/codec.ts";
import type { CommandOutcome } from "../../core/records/domain-event.ts";
import type { Protocol } from "../../core/records/frame-record.ts";
import { Problem } from "./problems.ts";

/** Each holds a socket; more than this is a script gone wild. */
const waitersMax = 2_000;

export interface Outcome {
  readonly outcome: CommandOutcome;
  /** The station's frame, verbatim. */
  readonly response: string | null;
}

export interface Expected {
  readonly commandId: string;
  readonly protocol: Protocol;
  readonly action: string;
}

interface Waiter extends Expected {
  /** Log time; unknown until the request's receipt is there. */
  deadline: number | undefined;
  readonly resolve: (outcome: Outcome) => void;
  readonly take: (taken: Taken) => void;
  early: ProgressState | undefined;
}

type Progress = Extract<BusMessage, { type: "commandProgress" }>;
type ProgressState = Progress["state"];

/** Where this process hears of its commands: the log says it first, where it has a way. */
export interface Hearing {
  readonly bus: CommandBus;
  readonly log: EventLog;
  readonly nodeId: NodeId;
}

/** Log time of the request that the node has appended; `declined`: it has not, and will not. */
export type Taken = number | "declined";

export interface Wait {
  readonly outcome: Promise<Outcome>;
  /** Of a command that was handed over. */
  readonly taken: Promise<Taken>;
  /** Once the receipt says when the command ends. */
  begins(deadline: number): void;
  cancel(): void;
}

export class CommandWaiters {
  private readonly waiters = new Map<string, Set<Waiter>>();
  private count = 0;
  private endListening: (() => Promise<void>) | undefined;

  async start({ bus, log, nodeId }: Hearing): Promise<void> {
    const unlisten = await bus.listen(nodeId, (message) => {
      if (message.type === "commandProgress") this.onProgress(message);
    });
    const endTelling = log.listen?.(nodeId, ({ records }) => {
      for (const record of records) {
        const progress = progressOf(record);
        if (progress) this.onProgress(progress);
      }
    });
    this.endListening = async () => {
      endTelling?.();
      await unlisten();
    };
  }

  async stop(): Promise<void> {
    await this.endListening?.();
  }

  /** Before the request is appended: its answer may be faster than the receipt. @throws Problem `too-many` */
  expect(expected: Expected): Wait {
    if (this.count >= waitersMax) {
      throw new Problem(
        "too-many",
        "Too many requests wait for outcomes; ask without ?wait and read the command later.",
      );
    }
    let resolve!: (outcome: Outcome) => void;
    const outcome = new Promise<Outcome>((done) => (resolve = done));
    const { promise: taken, resolve: take } = Promise.withResolvers<Taken>();
    const waiter: Waiter = { ...expected, deadline: undefined, resolve, take, early: undefined };
    const same = this.waiters.get(expected.commandId) ?? new Set();
    this.waiters.set(expected.commandId, same.add(waiter));
    this.count++;
    return {
      outcome,
      taken,
      begins: (deadline) => {
        waiter.deadline = deadline;
        if (waiter.early) settle(waiter, waiter.early);
      },
      cancel: () => {
        if (!same.delete(waiter)) return;
        this.count--;
        if (same.size === 0) this.waiters.delete(expected.commandId);
      },
    };
  }

  private onProgress({ commandId, state }: Progress): void {
    for (const waiter of this.waiters.get(commandId) ?? []) settle(waiter, state);
  }
}

/** The result that a gateway appended for whoever waits. Other ends it tells itself: not each one counts (rule C4). */
function progressOf({ value, logTime }: LogRecord): Progress | undefined {
  const record = decodeRecord(value);
  if (record.kind !== "commandResult") return undefined;
  const { commandId, frame } = record;
  return { type: "commandProgress", commandId, state: { at: "result", frame, logTime } };
}

function settle(waiter: Waiter, state: ProgressState): void {
  if (state.at === "requested") return waiter.take(state.logTime);
  if (state.at === "declined") return waiter.take(state.at);
  if (state.at === "ended") {
    waiter.resolve({ outcome: state.outcome, response: null });
    return;
  }
  if (waiter.deadline === undefined) {
    waiter.early = state;
    return;
  }
  // After the deadline the fold says timeout; the projection will have the late answer beside it.
  if (state.logTime > waiter.deadline) return;
  const outcome = outcomeOfFrame(waiter.protocol, waiter.action, state.frame);
  if (outcome) waiter.resolve({ outcome, response: Buffer.from(state.frame).toString("utf8") });
}

/** The fold's table, applied to the station's frame; undefined where it is no answer. */
function outcomeOfFrame(protocol: Protocol, action: string, bytes: Uint8Array): CommandOutcome | undefined {
  const frame = parseFrame(bytes);
  if (frame.type === "result") return outcomeOf(protocol, action, frame.payload);
  return frame.type === "error" ? "error" : undefined;
}
