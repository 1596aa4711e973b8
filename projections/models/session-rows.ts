// How a session, its readings and its CDRs look after each event. Pure.
import type { Cdr, DomainEvent, EventBody, EventKind } from "../../core/records/domain-event.ts";
import { packReadings } from "../../core/store/meter-values.ts";
import type { CdrRow, MeterValueRow, SessionRow } from "../../core/store/tables.ts";
import type { Scope } from "./working-set.ts";

export type Body<Kind extends EventKind> = Extract<EventBody, { kind: Kind }>;

export function newSession(event: DomainEvent, body: Body<"sessionStarted">, scope: Scope): SessionRow {
  return {
    table_set: scope.tableSet,
    partition: scope.partition,
    id: body.sessionId,
    party: event.party,
    station: event.station,
    evse_id: body.evseId,
    connector_id: body.connectorId,
    transaction_id: body.transactionId,
    id_token: body.idToken,
    status: "active",
    started_at: body.startedAt,
    ended_at: null,
    energy_mwh: 0,
    meter_start_mwh: body.meterStartMwh,
    meter_stop_mwh: null,
    state: null,
    stop_reason: null,
    cdr_id: null,
    cdr_reason: null,
    currency: null,
    cost_excl_vat: null,
    cost_incl_vat: null,
    annotations: JSON.stringify(body.annotations),
    last_updated: event.logTime,
  };
}

export function updatedSession(row: SessionRow, body: Body<"sessionUpdated">, logTime: number): SessionRow {
  const { start, end } = body;
  return {
    ...row,
    // A start that came late, or a register that a later message brought: said whole where it changed.
    ...(start && {
      started_at: start.startedAt,
      meter_start_mwh: start.meterStartMwh,
      evse_id: start.evseId,
      connector_id: start.connectorId,
    }),
    ...(end && { ended_at: end.endedAt, meter_stop_mwh: end.meterStopMwh }),
    energy_mwh: body.energyMwh,
    state: body.state ?? row.state,
    id_token: body.idToken ?? row.id_token,
    annotations: withWords(row.annotations, body.annotations),
    last_updated: logTime,
  };
}

export function endedSession(row: SessionRow, body: Body<"sessionEnded">, logTime: number): SessionRow {
  return {
    ...row,
    status: "completed",
    ended_at: body.endedAt,
    stop_reason: body.reason,
    meter_stop_mwh: body.meterStopMwh,
    energy_mwh: body.energyMwh,
    state: null,
    annotations: withWords(row.annotations, body.annotations),
    last_updated: logTime,
  };
}

/** A credit CDR takes back what it names; the session has a price again when its successor comes. */
export function pricedSession(row: SessionRow, cdr: Cdr, logTime: number): SessionRow {
  if (cdr.credits !== null) {
    const nothing = { cdr_id: null, currency: null, cost_excl_vat: null, cost_incl_vat: null };
    return { ...row, ...nothing, cdr_reason: "credited", last_updated: logTime };
  }
  return {
    ...row,
    cdr_id: cdr.id,
    cdr_reason: null,
    currency: cdr.currency,
    cost_excl_vat: cdr.total?.exclVat ?? null,
    cost_incl_vat: cdr.total?.inclVat ?? null,
    annotations: withWords(row.annotations, cdr.annotations),
    last_updated: logTime,
  };
}

export function withheldSession(row: SessionRow, reason: string, logTime: number): SessionRow {
  return { ...row, cdr_reason: reason, last_updated: logTime };
}

function withWords(json: string, words: readonly string[]): string {
  if (words.length === 0) return json;
  return JSON.stringify([...new Set([...(JSON.parse(json) as string[]), ...words])]);
}

/** @returns none where the event brings no readings. */
export function meterValues(event: DomainEvent, body: Body<"sessionUpdated">, scope: Scope): MeterValueRow[] {
  const { sequence, party, logTime } = event;
  const { sessionId, readings } = body;
  if (readings.length === 0) return [];
  return [
    {
      table_set: scope.tableSet,
      partition: scope.partition,
      session_id: sessionId,
      sequence,
      party,
      count: readings.length,
      readings: packReadings(readings),
      last_updated: logTime,
    },
  ];
}

export function newCdr(event: DomainEvent, cdr: Cdr, scope: Scope): CdrRow {
  return {
    table_set: scope.tableSet,
    partition: scope.partition,
    id: cdr.id,
    session_id: cdr.sessionId,
    party: event.party,
    station: event.station,
    credits: cdr.credits,
    started_at: cdr.startedAt,
    ended_at: cdr.endedAt,
    energy_mwh: cdr.energyMwh,
    currency: cdr.currency,
    total_excl_vat: cdr.total?.exclVat ?? null,
    total_incl_vat: cdr.total?.inclVat ?? null,
    document: JSON.stringify(cdr),
    last_updated: event.logTime,
  };
}
