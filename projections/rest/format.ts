// How rows look outside (interface.md): times RFC 3339 UTC, energy in Wh with at most three decimals, money
// {amount, currency}, ids of this API's words. No password, hash or token ever passes through here.
import { textWithoutSecrets, withoutSecrets } from "../../core/ocpp/secrets.ts";
import type { Cdr } from "../../core/records/domain-event.ts";
import type { CdrRow, CommandRow, ConnectorRow, QuarantineRow, SessionRow } from "../../core/store/tables.ts";
import type { MeterValue } from "./meter-values.ts";

const milliwattHoursPerWh = 1_000;
const earliestTime = -8_640_000_000_000_000;
const latestTime = 8_640_000_000_000_000;

/** A station's clock can be anything; what no calendar can show is null. */
export function time(ms: number): string;
export function time(ms: number | null): string | null;
export function time(ms: number | null): string | null {
  return ms === null || ms < earliestTime || ms > latestTime ? null : new Date(ms).toISOString();
}

export function wattHours(mwh: number): number;
export function wattHours(mwh: number | null): number | null;
export function wattHours(mwh: number | null): number | null {
  return mwh === null ? null : mwh / milliwattHoursPerWh;
}

export interface Money {
  readonly amount: string;
  readonly currency: string;
}

export function money(amount: string | null, currency: string | null): Money | null {
  return amount === null || currency === null ? null : { amount, currency };
}

export function showConnector(row: ConnectorRow) {
  return {
    evseId: row.evse_id,
    connectorId: row.connector_id,
    status: row.status,
    errorCode: row.error_code,
    since: time(row.since),
  };
}

export function showSession(row: SessionRow) {
  return {
    id: row.id,
    stationId: row.station,
    evseId: row.evse_id,
    connectorId: row.connector_id,
    transactionId: row.transaction_id,
    idToken: row.id_token,
    status: row.status,
    state: row.state,
    startedAt: time(row.started_at),
    endedAt: time(row.ended_at),
    energyWh: wattHours(row.energy_mwh),
    meterStartWh: wattHours(row.meter_start_mwh),
    meterStopWh: wattHours(row.meter_stop_mwh),
    stopReason: row.stop_reason,
    cdrId: row.cdr_id,
    cdrReason: row.cdr_reason,
    cost: money(row.cost_incl_vat, row.currency),
    costExclVat: money(row.cost_excl_vat, row.currency),
    annotations: JSON.parse(row.annotations) as string[],
    lastUpdated: time(row.last_updated),
  };
}

export function showMeterValue({ reading, receivedAt }: Pick<MeterValue, "reading" | "receivedAt">) {
  return {
    time: time(reading.at),
    receivedAt: time(receivedAt),
    measurand: reading.measurand,
    context: reading.context,
    phase: reading.phase,
    location: reading.location,
    unit: reading.unit,
    value: reading.value,
    energyWh: wattHours(reading.energyMwh),
  };
}

export function showCdr(row: CdrRow) {
  const cdr = JSON.parse(row.document) as Cdr;
  return {
    id: row.id,
    sessionId: row.session_id,
    stationId: row.station,
    evseId: cdr.evseId,
    connectorId: cdr.connectorId,
    idToken: cdr.idToken,
    credits: row.credits,
    replaces: cdr.replaces ?? null,
    why: cdr.why ?? null,
    startedAt: time(row.started_at),
    endedAt: time(row.ended_at),
    durationSeconds: Math.round(cdr.durationMs / 1_000),
    energyWh: wattHours(row.energy_mwh),
    tariffId: cdr.tariffId,
    currency: row.currency,
    total: money(row.total_incl_vat, row.currency),
    totalExclVat: money(row.total_excl_vat, row.currency),
    lines: cdr.lines.map((line) => ({
      dimension: line.dimension,
      volume: line.volume,
      unitPrice: line.unitPrice,
      vat: line.vat,
      total: money(line.total.inclVat, row.currency),
      totalExclVat: money(line.total.exclVat, row.currency),
    })),
    // CDRs of before 0016 have none.
    periods: (cdr.periods ?? []).map((period) => ({
      startedAt: time(period.startedAt),
      dimension: period.dimension,
      durationSeconds: Math.round(period.durationMs / 1_000),
      energyWh: wattHours(period.energyMwh),
    })),
    annotations: cdr.annotations,
    lastUpdated: time(row.last_updated),
  };
}

export function showCommand(row: CommandRow) {
  return {
    id: row.id,
    stationId: row.station,
    action: row.action,
    payload: withoutSecrets(JSON.parse(row.payload)),
    status: row.status,
    outcome: row.outcome,
    response: row.response && textWithoutSecrets(row.response),
    lateResponse: row.late_response && textWithoutSecrets(row.late_response),
    requestedAt: time(row.requested_at),
    sentAt: time(row.sent_at),
    endedAt: time(row.ended_at),
    deadline: time(row.deadline),
    origin: JSON.parse(row.origin) as unknown,
    lastUpdated: time(row.last_updated),
  };
}

/** @param parked how many later records wait behind it. */
export function showQuarantine(row: QuarantineRow, parked: number) {
  return {
    id: row.id,
    stage: row.stage,
    stationId: row.station,
    partition: row.partition,
    offset: row.record_offset,
    untilOffset: row.until_offset,
    transactionKey: row.transaction_key,
    parked,
    reason: row.reason,
    bytesBase64: Buffer.from(row.bytes).toString("base64"),
    state: row.state,
    time: time(row.log_time),
  };
}
