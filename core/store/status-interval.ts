// A row of `status_interval` (see tables.ts), and what its readers and writers share.

/** `to_at` of an interval that lasts. */
export const openEnd = Number.MAX_SAFE_INTEGER;
/** Status of a connector whose station has no connection. */
export const offlineStatus = "Offline";
/** `fault_code` of a connector that is Faulted and named no error code. */
export const unnamedFault = "Faulted";

/** Schema version 10. What a connector was, from when to when by log time; the next one begins where it ends. */
export interface StatusIntervalRow {
  table_set: number;
  partition: number;
  party: string;
  station: string;
  /** 0: the station as a whole (1.6). */
  evse_id: number;
  connector_id: number;
  /** Of the station's event that began it. */
  sequence: number;
  /** As the station's version has it, or `Offline` while the station has no connection. */
  status: string;
  /** What it said last: `status`, but for `Offline`. */
  reported: string;
  /** What began it: `reported`, `reconnected`, or of `Offline` why the connection ended. */
  cause: string;
  /** As it said last, whatever the status: 1.6 error code, or `unnamedFault` where it gave none. */
  fault_code: string | null;
  /** Of the last boot before it began. */
  vendor: string | null;
  model: string | null;
  firmware: string | null;
  from_at: number;
  /** `openEnd` while it lasts. */
  to_at: number;
}
