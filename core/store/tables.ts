// Every table, once: the row types that kysely checks queries against, and the keys that bulk writes go by.
// Common dialect of SQLite and Postgres: times are epoch ms as integers, decimals and JSON are text.
//
// Rule B1: rows that a fold derives carry their table set and partition. Readers use the `live_…` views, which
// join each partition's active set (the `table_set` of its position row), so that a rebuild can take over per
// partition in one transaction.
import type { StatusIntervalRow } from "./status-interval.ts";

interface Derived {
  table_set: number;
  partition: number;
}

/** Rule F3. One row per role (`processor`, `projector`, `registry`), topic and partition. */
export interface PositionRow {
  role: string;
  topic: string;
  partition: number;
  generation: number;
  next: number;
  /** First 16 hex digits of sha-256 of record next-1; "" at 0. */
  fingerprint: string;
  table_set: number;
  applied: number;
  skipped: number;
  quarantined: number;
  parked: number;
  /** Log time of record next-1. */
  log_time: number;
}

// --- who works on what (cluster) ---

/** A process of a role that beats; its name is stable over restarts. */
export interface MemberRow {
  role: string;
  name: string;
  /** Rises; others see whether it moves, so that no two clocks are compared. */
  beat: number;
}

export interface AssignmentRow {
  role: string;
  partition: number;
  /** A member's name; "": nobody's. */
  owner: string;
}

/** Schema version 3. What a database belongs to: the cluster's name, the identity of the log that was folded. */
export interface FactRow {
  name: string;
  value: string;
}

/** Schema version 3. The process that runs under a stable name; another one under it would have the same partitions. */
export interface NameHoldRow {
  role: string;
  name: string;
  /** Random per process start; "": it was given back. */
  holder: string;
  /** Rises while the holder lives; others see whether it moves, so that no two clocks are compared. */
  beat: number;
}

// --- processor ---

export interface StationStateRow extends Derived {
  party: string;
  station: string;
  /** Nodes of its claimed connections that are not presumed lost, with spaces between, for node lost; "" when offline. */
  node_id: string;
  /** Earliest timer of the fold, log time; null: none. */
  due_at: number | null;
  state: Uint8Array;
}

/** Rule F4: readings by transaction, from which energy and price are always computed. */
export interface ReadingRow extends Derived {
  session_id: string;
  record_offset: number;
  log_time: number;
  /** MessagePack of Reading[]. */
  readings: Uint8Array;
}

/** Where a station's frames are: (station, hour) -> offsets. */
export interface FrameIndexRow extends Derived {
  party: string;
  station: string;
  /** Log time / 3 600 000, rounded down. */
  hour: number;
  first_offset: number;
  last_offset: number;
  records: number;
}

/** Events that wait to be sent, in the order in which they were concluded. */
export interface OutboxRow extends Derived {
  /** Of the last of them. */
  sequence: number;
  /** How many. */
  count: number;
  /** See core/records/bundle.ts. */
  events: Uint8Array;
}

export interface QuarantineRow extends Derived {
  id: string;
  record_offset: number;
  /** Offset of the redrive or release that ended it; null: still held. */
  until_offset: number | null;
  stage: string;
  party: string;
  station: string;
  /** What is held until then: a transaction key of the station; null: nothing but this record. */
  transaction_key: string | null;
  reason: string;
  bytes: Uint8Array;
  state: string;
  log_time: number;
}

/** Later records of a held transaction (rule Q1). */
export interface ParkedRow extends Derived {
  record_offset: number;
  quarantine_id: string;
}

// --- projector ---

/** Rule F5: how far the projector is in a station's chain of events. */
export interface ChainRow extends Derived {
  party: string;
  station: string;
  sequence: number;
  hash: string;
  /** null, or why this station's projection stopped. */
  stopped: string | null;
}

export interface StationRow extends Derived {
  party: string;
  station: string;
  protocol: string | null;
  vendor: string | null;
  model: string | null;
  serial: string | null;
  firmware: string | null;
  online: number;
  connection_id: string | null;
  node_id: string | null;
  security_profile: number | null;
  remote_address: string | null;
  booted_at: number | null;
  last_seen: number;
  last_updated: number;
}

export interface ConnectorRow extends Derived {
  party: string;
  station: string;
  evse_id: number;
  connector_id: number;
  status: string;
  error_code: string | null;
  since: number;
  last_updated: number;
}

export interface SessionRow extends Derived {
  id: string;
  party: string;
  station: string;
  evse_id: number;
  connector_id: number;
  transaction_id: string;
  id_token: string | null;
  status: string;
  started_at: number;
  ended_at: number | null;
  energy_mwh: number;
  meter_start_mwh: number | null;
  meter_stop_mwh: number | null;
  state: string | null;
  stop_reason: string | null;
  cdr_id: string | null;
  /** Why there is no CDR (yet); null where there is one. */
  cdr_reason: string | null;
  currency: string | null;
  cost_excl_vat: string | null;
  cost_incl_vat: string | null;
  /** JSON array of words. */
  annotations: string;
  last_updated: number;
}

/** The readings of one event. */
export interface MeterValueRow extends Derived {
  session_id: string;
  /** The station's event: rises within a session. */
  sequence: number;
  party: string;
  /** How many. */
  count: number;
  /** JSON: see meter-values.ts. */
  readings: string;
  last_updated: number;
}

export interface CdrRow extends Derived {
  id: string;
  session_id: string;
  party: string;
  station: string;
  credits: string | null;
  started_at: number;
  ended_at: number;
  energy_mwh: number;
  currency: string | null;
  total_excl_vat: string | null;
  total_incl_vat: string | null;
  /** The whole Cdr as JSON. */
  document: string;
  last_updated: number;
}

/** Schema version 8. A CDR that was held or decided about; one that was neither has no row. */
export interface CdrReviewRow extends Derived {
  /** Of the CDR: a held one keeps it when it is issued. */
  id: string;
  session_id: string;
  party: string;
  station: string;
  /** `held`, `released`, `corrected`, `voided`. */
  state: string;
  /** JSON array of words; empty for one that was never held. */
  reasons: string;
  /** JSON of the Cdr as it is held; null for one that was never held. */
  document: string | null;
  /** JSON array of {of, action, actor, why, at}, in order. */
  decisions: string;
  held_at: number | null;
  last_updated: number;
}

export interface CommandRow extends Derived {
  id: string;
  party: string;
  station: string;
  action: string;
  payload: string;
  status: string;
  outcome: string | null;
  response: string | null;
  late_response: string | null;
  deadline: number;
  requested_at: number;
  sent_at: number | null;
  ended_at: number | null;
  /** JSON of CommandOrigin. */
  origin: string;
  last_updated: number;
}

/** What a station said of itself beside all that: see core/records/station-documents.ts. */
export interface StationDocumentRow extends Derived {
  party: string;
  station: string;
  collection: string;
  key: string;
  /** JSON; null: a thing that is gone. */
  document: string | null;
  last_updated: number;
}

// --- registry (one partition; kept by the projector role) ---

/** Every version of every entity (rule R2). */
export interface RegistryVersionRow {
  party: string;
  entity: string;
  id: string;
  /** Offset of the change + 1. */
  version: number;
  /** JSON; null: removed. */
  document: string | null;
  actor: string;
  log_time: number;
}

// --- OCPI pushes (schema version 9): no fold's, for what others were told cannot be made again ---

/** What an OCPI partner is to be told: one row an object, whatever happened to it since. */
export interface OcpiPushRow {
  party: string;
  /** Id of the partner in the registry. */
  partner: string;
  /** `locations`, `tariffs`, `sessions`, `cdrs`; `evses`: the status of one. */
  module: string;
  object: string;
  /** Not sent before, and those with an earlier one go first. */
  due: number;
  /** Rises with every change that comes while it waits. */
  changed: number;
  /** JSON, where it was known when it was marked. */ body: string | null;
}

/** What was tried with an object, and what of it the partner has taken. */
export interface OcpiDeliveryRow {
  party: string;
  partner: string;
  module: string;
  object: string;
  /** Since the last that was taken. */
  attempts: number;
  /** Of a CDR that was tried and not taken yet: the bytes of every further try. */
  body: string | null;
  /** JSON of what the next push builds on; of a CDR the SHA-256 of what was taken. */
  told: string | null;
  /** Location that the partner gave a CDR. */
  proof: string | null;
  /** Of a CDR. */
  delivered_at: number | null;
}

/** What nobody sends again unless an operator says so. */
export interface OcpiDeadLetterRow {
  party: string;
  partner: string;
  module: string;
  object: string;
  due: number;
  attempts: number;
  problem: string;
  died_at: number;
}

/** The status that an EVSE had when partners were told last: a change is one from this. */
export interface OcpiEvseStatusRow {
  party: string;
  location: string;
  evse: string;
  status: string;
}

export interface OcpiPeerRow {
  party: string;
  partner: string;
  /** In a row. */
  failures: number;
  /** Not tried before. */
  resume_at: number;
  problem: string | null;
  /** About when it last took one. */
  delivered_at: number | null;
  /** What of an operator's requests (PartnerDoc) was carried out. */
  resync: string | null;
  retry: string | null;
}

export interface Tables {
  position: PositionRow;
  station_state: StationStateRow;
  reading: ReadingRow;
  frame_index: FrameIndexRow;
  outbox: OutboxRow;
  quarantine: QuarantineRow;
  parked: ParkedRow;
  chain: ChainRow;
  station: StationRow;
  connector: ConnectorRow;
  status_interval: StatusIntervalRow;
  session: SessionRow;
  meter_value: MeterValueRow;
  cdr: CdrRow;
  cdr_review: CdrReviewRow;
  command: CommandRow;
  station_document: StationDocumentRow;
  registry_version: RegistryVersionRow;
  member: MemberRow;
  assignment: AssignmentRow;
  fact: FactRow;
  name_hold: NameHoldRow;
  ocpi_push: OcpiPushRow;
  ocpi_delivery: OcpiDeliveryRow;
  ocpi_dead_letter: OcpiDeadLetterRow;
  ocpi_evse_status: OcpiEvseStatusRow;
  ocpi_peer: OcpiPeerRow;
}

export type TableName = keyof Tables;

export const primaryKeys = {
  position: ["role", "topic", "partition"],
  // With the partition: `nodeLost` concerns a whole one, and is remembered in each under the empty station.
  station_state: ["table_set", "partition", "party", "station"],
  reading: ["table_set", "session_id", "record_offset"],
  frame_index: ["table_set", "party", "station", "hour"],
  outbox: ["table_set", "partition", "sequence"],
  quarantine: ["table_set", "id"],
  parked: ["table_set", "partition", "record_offset"],
  chain: ["table_set", "party", "station"],
  station: ["table_set", "party", "station"],
  connector: ["table_set", "party", "station", "evse_id", "connector_id"],
  status_interval: ["table_set", "party", "station", "evse_id", "connector_id", "sequence"],
  session: ["table_set", "id"],
  meter_value: ["table_set", "session_id", "sequence"],
  cdr: ["table_set", "id"],
  cdr_review: ["table_set", "id"],
  command: ["table_set", "id"],
  station_document: ["table_set", "party", "station", "collection", "key"],
  registry_version: ["party", "entity", "id", "version"],
  member: ["role", "name"],
  assignment: ["role", "partition"],
  fact: ["name"],
  name_hold: ["role", "name"],
  ocpi_push: ["party", "partner", "module", "object"],
  ocpi_delivery: ["party", "partner", "module", "object"],
  ocpi_dead_letter: ["party", "partner", "module", "object"],
  ocpi_evse_status: ["party", "location", "evse"],
  ocpi_peer: ["party", "partner"],
} as const satisfies { readonly [Name in TableName]: readonly (keyof Tables[Name])[] };

/** Which role's position row says which set of a table is live. */
export const derivedTables = {
  station_state: "processor",
  reading: "processor",
  frame_index: "processor",
  outbox: "processor",
  quarantine: "processor",
  parked: "processor",
  chain: "projector",
  station: "projector",
  connector: "projector",
  status_interval: "projector",
  session: "projector",
  meter_value: "projector",
  cdr: "projector",
  cdr_review: "projector",
  command: "projector",
  station_document: "projector",
} as const satisfies Partial<Record<TableName, "processor" | "projector">>;

export type DerivedTable = keyof typeof derivedTables;

/** `live_session` and so on: the rows of each partition's active set. Read from these, never from the tables. */
export type LiveViews = { [Name in DerivedTable as `live_${Name}`]: Tables[Name] };

export type Schema = Tables & LiveViews;
