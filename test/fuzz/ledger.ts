// What was sent, what had to become of it, and what did: one entry a frame, one list a connection. The log is held against
// it afterwards (log-check.ts).
import { hash } from "node:crypto";

import { validator } from "../../core/ocpp/validators.ts";
import type { Expected, ExpectedAnswer } from "./expected.ts";
import { protocolOf, type Version } from "./seeds.ts";

export interface Entry {
  /** `1.6/call/17`: how it is made again. */
  readonly ref: string;
  readonly sha: string;
  readonly kept: Expected["kept"];
  readonly answer: ExpectedAnswer | null;
  /** The same CALL, byte for byte, among the last of the connection: it gets the same answer again, or none before that one, and no second record. */
  readonly isRepeat: boolean;
  /** SHA-256 of the answer. */
  answered: string | undefined;
  /** A later frame of the connection was answered, so the gateway has taken this one in. */
  taken: boolean;
  inLog: number;
}

export interface Sent {
  readonly version: Version;
  readonly station: string;
  readonly connectionId: string;
  readonly entries: readonly Entry[];
}

export interface Fault {
  readonly ref: string;
  readonly sentence: string;
}

/** Counted all, kept few: one fault of wattlog makes thousands of these. */
export class Faults {
  count = 0;
  readonly first: Fault[] = [];
  private readonly most: number;

  constructor(most = 25) {
    this.most = most;
  }

  add(ref: string, sentence: string): void {
    this.count++;
    if (this.first.length < this.most) this.first.push({ ref, sentence });
  }
}

/** ocpp.md, message id: a repeat is known among so many CALLs. */
const repeatWindow = 16;

export function shaOf(bytes: Uint8Array): string {
  return hash("sha256", bytes, "base64url");
}

export class ConnectionLedger implements Sent {
  readonly version: Version;
  readonly station: string;
  readonly connectionId: string;
  readonly entries: Entry[] = [];
  private readonly faults: Faults;
  /** By the id's JSON text, oldest first: ids of mutants may meet. */
  private readonly waiting = new Map<string, Entry[]>();
  private settledTo = 0;
  private lastCalls: readonly string[] = [];

  constructor(version: Version, station: string, connectionId: string, faults: Faults) {
    this.version = version;
    this.station = station;
    this.connectionId = connectionId;
    this.faults = faults;
  }

  sent(ref: string, bytes: Uint8Array, { kept, answer }: Expected): Entry {
    const sha = shaOf(bytes);
    const isRepeat = kept === "exchange" && this.lastCalls.includes(sha);
    const entry = { ref, sha, kept, answer, isRepeat, answered: undefined, taken: false, inLog: 0 };
    this.entries.push(entry);
    if (kept === "exchange" && !isRepeat) this.lastCalls = [...this.lastCalls.slice(1 - repeatWindow), sha];
    if (answer === null) return entry;
    const known = this.waiting.get(answer.rawId);
    if (known) known.push(entry);
    else this.waiting.set(answer.rawId, [entry]);
    return entry;
  }

  /** @param text a CALLRESULT or CALLERROR as it came. @returns what it answers. */
  received(text: string, frame: readonly unknown[]): Entry | undefined {
    const rawId = typeof frame[1] === "string" ? JSON.stringify(frame[1]) : (/^\[\d,([^,]+),/.exec(text)?.[1] ?? "");
    const queue = this.waiting.get(rawId);
    const entry = queue?.shift();
    if (queue?.length === 0) this.waiting.delete(rawId);
    if (!entry?.answer) {
      this.faults.add(`${this.station} ${this.connectionId}`, `${text.slice(0, 300)} answers nothing that was sent`);
      return undefined;
    }
    entry.answered = shaOf(Buffer.from(text));
    const wrong = wrongIn(this.version, entry.answer, frame);
    if (wrong !== undefined) this.faults.add(entry.ref, `${wrong}: ${text.slice(0, 300)}`);
    return entry;
  }

  /** Answers keep their order: when this one is there, so is each that will ever come of the frames before it. */
  settle(upTo: Entry): void {
    const end = this.entries.indexOf(upTo, this.settledTo);
    for (const entry of this.entries.slice(this.settledTo, end + 1)) {
      entry.taken = true;
      if (entry.answer === null || entry.answered !== undefined) continue;
      if (!entry.isRepeat) this.faults.add(entry.ref, `was never answered (${entry.answer.type} expected)`);
      this.forget(entry.answer.rawId, entry);
    }
    this.settledTo = end + 1;
  }

  private forget(rawId: string, entry: Entry): void {
    const left = this.waiting.get(rawId)?.filter((other) => other !== entry) ?? [];
    if (left.length === 0) this.waiting.delete(rawId);
    else this.waiting.set(rawId, left);
  }
}

const longestDescription = 255;

const errorCodes: Readonly<Record<Version, ReadonlySet<string>>> = {
  "1.6": new Set([
    "NotImplemented",
    "NotSupported",
    "InternalError",
    "ProtocolError",
    "SecurityError",
    "FormationViolation",
    "PropertyConstraintViolation",
    "OccurenceConstraintViolation",
    "TypeConstraintViolation",
    "GenericError",
  ]),
  "2.0.1": new Set([
    "NotImplemented",
    "NotSupported",
    "InternalError",
    "ProtocolError",
    "SecurityError",
    "FormatViolation",
    "PropertyConstraintViolation",
    "OccurrenceConstraintViolation",
    "TypeConstraintViolation",
    "GenericError",
    "FormationViolation",
    "MessageTypeNotSupported",
    "RpcFrameworkError",
  ]),
};

function wrongIn(version: Version, expected: ExpectedAnswer, frame: readonly unknown[]): string | undefined {
  const [type, , third, description] = frame;
  if (type === 3) {
    if (expected.type === "error") return `a CALLRESULT where ${expected.code ?? "an error"} was due`;
    const violation = validator(protocolOf(version), expected.action!, "conf")?.(third);
    return violation ? `an answer that breaks its schema at ${violation.path}: ${violation.message}` : undefined;
  }
  if (expected.type === "result") return "a CALLERROR where a CALLRESULT was due";
  if (frame.length !== 5) return "a CALLERROR of other than five elements";
  if (typeof third !== "string" || !errorCodes[version].has(third)) return "a code that the version does not have";
  if (third === "InternalError") return "an InternalError";
  if (expected.code !== undefined && third !== expected.code) return `${third} where ${expected.code} was due`;
  if (typeof description !== "string" || description.length > longestDescription) return "a description too long";
  return undefined;
}
