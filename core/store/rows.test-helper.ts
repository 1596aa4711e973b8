// Rows as tests of the stores write them.
import type { PositionRow, SessionRow, StationStateRow } from "./tables.ts";

export function positionRow(changes: Partial<PositionRow> = {}): PositionRow {
  const counts = { applied: 0, skipped: 0, quarantined: 0, parked: 0, log_time: 0 };
  const place = { role: "processor", topic: "ocpp.frames.g1", partition: 0, generation: 1, next: 0 };
  return { ...place, fingerprint: "", table_set: 1, ...counts, ...changes };
}

export function stateRow(changes: Partial<StationStateRow> = {}): StationStateRow {
  const key = { table_set: 1, partition: 0, party: "DEABC", station: "s1" };
  return { ...key, node_id: "", due_at: null, state: Uint8Array.of(1, 2, 3), ...changes };
}

export function sessionRow(changes: Partial<SessionRow> = {}): SessionRow {
  const key = {
    table_set: 1,
    partition: 0,
    id: "session-1",
    party: "DEABC",
    station: "s1",
    evse_id: 1,
    connector_id: 1,
  };
  const times = { started_at: 1_700_000_000_000, ended_at: null, last_updated: 1_700_000_000_001 };
  const energy = { energy_mwh: 9_007_199_254_740_991, meter_start_mwh: 0, meter_stop_mwh: null };
  const cost = { currency: null, cost_excl_vat: "1.10", cost_incl_vat: null };
  const words = { state: null, stop_reason: null, cdr_id: null, cdr_reason: "settling", annotations: "[]" };
  const rest = { transaction_id: "7", id_token: "ü€😀", status: "active" };
  return { ...key, ...rest, ...times, ...energy, ...cost, ...words, ...changes };
}
