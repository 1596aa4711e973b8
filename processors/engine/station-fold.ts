// What the engine asks of a fold, and what a fold may ask of the engine. The engine knows logs, positions and
// tables; the fold knows OCPP; neither knows the other but through this page.
import type { CommandId, ConnectionId, NodeId, PartyId, SessionId, StationId } from "../../core/ids/ids.ts";
import type { CommandOutcome, EventBody, Reading } from "../../core/records/domain-event.ts";
import type { FrameRecord, FrameRecordOf, Protocol } from "../../core/records/frame-record.ts";
import type { RegistryLookup } from "../../core/registry/view.ts";
import type { FoldTrace } from "../fold-trace.ts";

/** What a fold wants done once its record is committed. Losing one costs time, never truth. */
export type Effect =
  /** Rule C1: the node that holds the connection is told that a durable command waits. */
  | {
      readonly kind: "wake";
      readonly to: NodeId;
      readonly party: PartyId;
      readonly station: StationId;
      readonly connectionId: ConnectionId;
      readonly commandId: CommandId;
      readonly action: string;
      readonly payload: Uint8Array;
      readonly deadline: number;
      readonly replyTo: NodeId | null;
    }
  /** Rule C2: a `commandBound` record is to be appended. */
  | {
      readonly kind: "bind";
      readonly party: PartyId;
      readonly station: StationId;
      readonly commandId: CommandId;
      readonly connectionId: ConnectionId;
    }
  /** Rule C1: a `commandRequested` record of the system's own is to be appended; its id is made from its key. */
  | {
      readonly kind: "request";
      readonly party: PartyId;
      readonly station: StationId;
      readonly connectionId: ConnectionId;
      readonly protocol: Protocol;
      readonly commandId: CommandId;
      readonly idempotencyKey: string;
      readonly action: string;
      readonly payload: object;
      readonly timeoutMs: number;
      /** The rule that asks. */
      readonly actor: string;
    }
  /** For metrics alone: a repeat, or another oddity that leaves no trace in any event. */
  | { readonly kind: "tolerated"; readonly word: string }
  /** For metrics alone: the event does not name the action. */
  | { readonly kind: "measured"; readonly action: string; readonly outcome: CommandOutcome; readonly ms: number };

/** For the engine alone: a fold lets it pass. */
export class ReadingsNeeded extends Error {
  override readonly name = "ReadingsNeeded";
  readonly sessionId: SessionId;

  constructor(sessionId: SessionId) {
    super(`The readings of ${sessionId} are not loaded.`);
    this.sessionId = sessionId;
  }
}

/** Everything beside state and record that a fold may know (rule F1), and where its conclusions go. */
export interface FoldContext {
  readonly generation: number;
  readonly partition: number;
  readonly offset: number;
  /** Of the record; the only time a fold knows (rule T1). */
  readonly logTime: number;
  /** To be asked as of `record.registry` only. */
  readonly registry: RegistryLookup;
  /** Events so far of this record and station. */
  readonly emitted: number;
  emit(body: EventBody): void;
  /** Rows of the side table of readings (rule F4). */
  keep(sessionId: SessionId, readings: readonly Reading[]): void;
  /**
   * The rows of a session so far, in the order of their records, those of this record included.
   * @throws ReadingsNeeded they must be read first: let it pass, the record is folded again.
   */
  readingsOf(sessionId: SessionId): readonly (readonly Reading[])[];
  ask(effect: Effect): void;
  /** Absent but where somebody wants the reasons told. */
  readonly trace?: FoldTrace | undefined;
}

/**
 * A fold over one station's records. States are immutable: a new state shares what did not change with the old one, so
 * that a record that throws leaves the state before it at no cost. Every function is pure but for what it tells the
 * context, and the engine forgets that when the function throws.
 */
export interface StationFold<State> {
  initial(): State;
  evolve(state: State, record: FrameRecord, context: FoldContext): State;
  /** Rule Q1: which transaction a record speaks of; what is held is keyed by this. Never throws. */
  transactionOf(record: FrameRecord): HeldAs;
  /** What the station's people should know about a record that was put into quarantine. */
  quarantined(state: State, record: FrameRecord, context: FoldContext): State;
  /** Sessions whose readings the record may ask for, so that they are read at once. A wrong guess costs time alone. */
  readingsFor(state: State, record: FrameRecord): readonly SessionId[];
  /** A redrive of bytes that the gateway could not understand; undefined: nobody does yet. */
  reread(record: FrameRecordOf<"quarantined">): FrameRecord | undefined;
  /** Earliest timer, log time; null: none. */
  dueAt(state: State): number | null;
  /** Nodes of the claimed connections that are not presumed lost, in a fixed order: usually one, none when offline. */
  nodesOf(state: State): readonly string[];
  /** Plain values that MessagePack knows. */
  pack(state: State): unknown;
  unpack(packed: unknown): State;
}

export interface HeldAs {
  /** null: it speaks of no transaction. */
  readonly key: string | null;
  /** Whether a poison one holds its whole transaction; readings do not. */
  readonly holds: boolean;
}
