// A field: a small fold over the reports of one subject, and over the answers to the commands that concern it.
import type { SessionId } from "../../core/ids/ids.ts";
import type { Protocol } from "../../core/records/frame-record.ts";
import { noticeKey, type Collection } from "../../core/records/station-documents.ts";
import type { FoldContext } from "../engine/station-fold.ts";
import type { Fields } from "../payload.ts";

/** A CALL of the station. */
export interface Report {
  readonly protocol: Protocol;
  readonly action: string;
  readonly request: Fields;
  /** What the gateway answered; {} where it was a CALLERROR. */
  readonly answer: Fields;
  /** Of the transaction that it speaks of; null: it speaks of none. */
  readonly session: () => ReportedSession | null;
}

export interface ReportedSession {
  readonly id: SessionId;
  /** This very message is its first. */
  readonly began: boolean;
}

/** A CALL of ours that the station answered with a CALLRESULT in time. */
export interface Done {
  readonly protocol: Protocol;
  readonly action: string;
  readonly request: Fields;
  readonly response: Fields;
  /** As the caller sees it (`core/ocpp/command-outcome.ts`). */
  readonly outcome: "accepted" | "rejected";
  readonly commandId: string;
}

/** States are immutable, plain and packed by MessagePack as they are: null, numbers, texts, arrays, objects of them. */
export interface Field<State = unknown> {
  /** In the packed state; never changes. */
  readonly name: string;
  readonly initial: State;
  /** By action, of every version that has it. */
  readonly reports: Readonly<Record<string, (state: State, report: Report, context: FoldContext) => State>>;
  readonly results?: Readonly<Record<string, (state: State, done: Done, context: FoldContext) => State>>;
  /** Earliest timer, log time; null: none (rule T2). */
  readonly dueAt?: (state: State) => number | null;
  /** As of `dueAt`, whatever the log time is. */
  readonly tick?: (state: State, dueAt: number, context: FoldContext) => State;
}

/** So that a list of fields need not know their states: each is only ever given its own. */
export function field<State>(of: Field<State>): Field {
  return of as unknown as Field;
}

export function tell(context: FoldContext, collection: Collection, key: string, document: object | null): void {
  tellAll(context, collection, [[key, document]]);
}

export function tellAll(
  context: FoldContext,
  collection: Collection,
  documents: readonly (readonly [key: string, document: object | null])[],
): void {
  if (documents.length === 0) return;
  const changes = documents.map(([key, document]) => ({
    collection,
    key,
    document: document === null ? null : JSON.stringify(document, exactInteger),
  }));
  context.emit({ kind: "documentsChanged", changes });
}

/** Members of documents that replace those before; where there is no document yet, they are it. */
export function tellPatches(
  context: FoldContext,
  collection: Collection,
  documents: readonly (readonly [key: string, members: object])[],
): void {
  if (documents.length === 0) return;
  const changes = documents.map(([key, members]) => ({
    collection,
    key,
    document: JSON.stringify(members, exactInteger),
    patch: true as const,
  }));
  context.emit({ kind: "documentsChanged", changes });
}

/** Something that happened; it keeps its place for ever. */
export function tellNotices(context: FoldContext, collection: Collection, documents: readonly object[]): void {
  tellAll(
    context,
    collection,
    documents.map((document, index) => [noticeKey(context, index), document]),
  );
}

/** Integers beyond 2^53 were taken from the bytes (ocpp.md, wire checklist); JSON knows no bigint, so they are texts. */
function exactInteger(_key: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
