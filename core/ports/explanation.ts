// A session explained: what the fold and the tariff engine did with its records, from the frames to the total. The api shows
// it, and those who know the fold make it.
import type { PartyId, Position, StationId } from "../ids/ids.ts";
import type { LogRecord } from "../log/log.ts";
import type { ShownPrice } from "../price/explain.ts";
import type { Sample } from "../price/session.ts";
import type { Cdr, Reading } from "../records/domain-event.ts";

/** A word of the fold and what it tells a person. */
export interface Said {
  readonly word: string;
  readonly sentence: string;
}

export interface ExplainedReading extends Said {
  readonly reading: Reading;
  readonly used: boolean;
}

/** A record that is about the session, in the order of the log. */
export interface ExplainedRecord {
  readonly record: LogRecord;
  readonly readings: readonly ExplainedReading[];
  /** Why it changed nothing; null: it counted. */
  readonly passedOver: Said | null;
  /** What it made doubtful about the session. */
  readonly annotations: readonly Said[];
  /** Kinds of the events about the session that it caused. */
  readonly events: readonly string[];
}

/** What a register is known by: a field of a message (1.6), a context, or the lowest and highest that was read. */
export type RegisterSource = "meterStart" | "begin" | "low" | "meterStop" | "end" | "high";

export interface ExplainedSession {
  readonly id: string;
  readonly station: StationId;
  readonly transactionId: string;
  readonly evseId: number;
  readonly connectorId: number;
  readonly idToken: string | null;
  readonly status: "active" | "completed";
  /** Epoch ms. */
  readonly startedAt: number;
  /** null while it goes on. */
  readonly endedAt: number | null;
  readonly annotations: readonly Said[];
}

export interface Explanation {
  readonly session: ExplainedSession;
  /** What the records' offsets are of. */
  readonly log: { readonly topic: string; readonly partition: number };
  readonly records: readonly ExplainedRecord[];
  /** Of the station, between the first and the last, that are not about the session. */
  readonly otherRecords: number;
  readonly energy: {
    readonly startMwh: number | null;
    readonly startBy: RegisterSource | null;
    readonly stopMwh: number | null;
    readonly stopBy: RegisterSource | null;
    readonly energyMwh: number;
  };
  /** What was priced: of a session that goes on, up to its last record. */
  readonly samples: readonly Sample[];
  /** Where the tariff was looked up: that of the session's first record. */
  readonly registry: Position;
  readonly locationId: string | null;
  readonly timeZone: string;
  /** Those that the connector names, or the party's default, and what became of each. */
  readonly tariffs: readonly (Said & { readonly id: string })[];
  /** null: no tariff could be applied. */
  readonly price: ShownPrice | null;
  /** Why the chosen tariff cannot be applied. */
  readonly tariffFault: string | null;
  /** As these records give it; null: there is none (yet). */
  readonly cdr: Cdr | null;
  /** What is recorded otherwise than these records give it; empty: they lead to what was charged. */
  readonly differences: readonly string[];
}

export interface Explainer {
  /**
   * @returns undefined: there is no such session.
   * @throws WattlogError `log/out-of-range` where records of it are neither in the log nor in the archive any more.
   */
  explain(party: PartyId, sessionId: string): Promise<Explanation | undefined>;
}
