// What was seen from outside, by stations, by callers and in the log, while it happened. The rules (rules/) are held to this
// and to nothing that the product says of itself; the codec of the records is all that they share.
import { decodeRecord } from "../../core/records/codec.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import type { CommandAnswer } from "../../projections/rest/command-sender.ts";
import type { Stored } from "./log.ts";

/** A rule of protocol.md, a promise of design.md, or a line of the ledger check (reliability.md). */
export interface Violation {
  readonly rule: string;
  readonly sentence: string;
}

/** A record of `ocpp.frames`. */
export interface Fact {
  readonly partition: number;
  readonly stored: Stored;
  readonly record: FrameRecord;
  /** Behind a record of its source whose sequence is as high: a fold drops it (rule I2). */
  readonly isRepeat: boolean;
}

export interface Called {
  readonly station: string;
  readonly connection: string;
  readonly id: string;
  readonly text: string;
  answers: string[];
}

export interface Commanded {
  readonly station: string;
  readonly connection: string;
}

export interface Asked {
  readonly station: string;
  answer: CommandAnswer | undefined;
  /** In quiet weather the station says yes. */
  readonly isProbe: boolean;
}

export class Journal {
  readonly violations: Violation[] = [];
  /** By partition, in log order. */
  readonly facts: Fact[][];
  /** Highest sequence of each station and source. */
  private readonly sequences = new Map<string, number>();
  /** Of exchanges, by connection and message id. */
  readonly exchanges = new Map<string, Fact[]>();
  /** Records that speak of commands, by command; without repeats. */
  readonly commandFacts = new Map<string, Fact[]>();
  readonly calls: Called[] = [];
  readonly callsOf = new Map<string, Called[]>();
  readonly commands = new Map<string, Commanded[]>();
  /** How often each command was written to a socket. */
  readonly written = new Map<string, number>();
  readonly commandAnswers = new Map<string, "accepted" | "rejected" | "error">();
  readonly asked: Asked[] = [];
  /** How often each rule was looked at: a rule that looked at nothing holds nothing. */
  readonly checks = new Map<string, number>();

  constructor(partitions: number) {
    this.facts = Array.from({ length: partitions }, () => []);
  }

  check(rule: string, holds: boolean, sentence: () => string): void {
    this.checks.set(rule, (this.checks.get(rule) ?? 0) + 1);
    if (!holds) this.violations.push({ rule, sentence: sentence() });
  }

  stored(partition: number, stored: Stored): Fact {
    const record = decodeRecord(stored.value);
    const from = `${record.station} ${record.source}`;
    const isRepeat = record.sequence <= (this.sequences.get(from) ?? -1);
    if (!isRepeat) this.sequences.set(from, record.sequence);
    const fact = { partition, stored, record, isRepeat };
    this.facts[partition]!.push(fact);
    if (record.kind === "exchange") into(this.exchanges, `${record.source} ${record.messageId}`, fact);
    if ("commandId" in record && !isRepeat) into(this.commandFacts, record.commandId, fact);
    return fact;
  }

  called(station: string, connection: string, id: string, text: string): void {
    const call = { station, connection, id, text, answers: [] };
    this.calls.push(call);
    into(this.callsOf, connection, call);
  }

  answered(station: string, connection: string, id: string, text: string): void {
    const call = this.callsOf.get(connection)?.findLast((one) => one.id === id);
    this.check("promise 1", call !== undefined, () => `${station} got an answer to ${id}, which it never sent there.`);
    call?.answers.push(text);
  }

  commanded(station: string, connection: string, id: string): void {
    into(this.commands, id, { station, connection });
  }

  commandAnswered(id: string, outcome: "accepted" | "rejected" | "error"): void {
    if (!this.commandAnswers.has(id)) this.commandAnswers.set(id, outcome);
  }
}

/** One line, for whoever reads a trace. */
export function describe({ partition, stored, record, isRepeat }: Fact): string {
  const { offset, logTime } = stored;
  const { station, source, sequence, kind } = record;
  const what = { ...record } as Readonly<Record<string, unknown>>;
  const of = [
    "action",
    "messageId",
    "commandId",
    "connectionId",
    "reason",
    "outcome",
    "nodeId",
    "idempotencyKey",
    "dueAt",
    "timeoutMs",
  ];
  const words = of.flatMap((name) => (what[name] === undefined ? [] : [`${name}=${JSON.stringify(what[name])}`]));
  return `log ${partition}:${offset} at ${logTime} ${station} ${kind} ${source}/${sequence}${isRepeat ? " (repeat)" : ""} ${words.join(" ")}`;
}

function into<T>(map: Map<string, T[]>, key: string, one: T): void {
  const list = map.get(key);
  if (list) list.push(one);
  else map.set(key, [one]);
}
