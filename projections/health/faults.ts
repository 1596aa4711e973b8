// Fault codes by week, vendor, model and firmware: whether a release made something worse shows here first.
import { sql } from "kysely";

import { unnamedFault } from "../../core/store/status-interval.ts";
import type { HealthNeeds } from "./station-groups.ts";
import { unnamedFaults, type FaultQuestion } from "./unnamed-faults.ts";

export interface FaultRow {
  /** Epoch ms of the Monday (UTC) of the week in which they began, by log time. */
  readonly week: number;
  /** As the station said them at its last boot before; "": it said nothing. */
  readonly vendor: string;
  readonly model: string;
  readonly firmware: string;
  /** 1.6 error code; of 2.x Component/Variable of the event that came with it; `Faulted` where a station said neither. */
  readonly code: string;
  /** techCode of that event; null: none. */
  readonly vendorCode: string | null;
  /** Out of order; false: told with another status, a warning. */
  readonly isFaulted: boolean;
  readonly faults: number;
  readonly stations: number;
  /** Until the connector said something else, lost its connection, or the period ended. */
  readonly ms: number;
}

const weekMs = 7 * 24 * 3_600_000;
/** The first Monday of the epoch. */
const monday = 4 * 24 * 3_600_000;

interface Found {
  readonly week: number | string;
  readonly vendor: string;
  readonly model: string;
  readonly firmware: string;
  readonly code: string;
  readonly faulted: number;
  readonly faults: number | string;
  readonly stations: number | string;
  readonly ms: number | string;
}

/**
 * Those that began in the period, in the order of their weeks and names. A fault that is there again after a lost connection is
 * the same one and not counted again.
 */
export async function faultTrends(needs: HealthNeeds, question: FaultQuestion): Promise<readonly FaultRow[]> {
  const rows = [...(await withCode(needs, question)), ...(await withoutCode(needs, question))];
  return rows.sort((a, b) => compared(orderOf(a), orderOf(b)));
}

/** The station's status named it. */
async function withCode(
  { store }: HealthNeeds,
  { party, period: { from, to }, filter }: FaultQuestion,
): Promise<readonly FaultRow[]> {
  const only = sql`${filter.vendor === undefined ? sql`` : sql`and vendor = ${filter.vendor}`}
    ${filter.model === undefined ? sql`` : sql`and model = ${filter.model}`}`;
  // Whole numbers divided in SQL are rounded down on both; a cast for Postgres, to which a parameter may be text.
  const { rows } = await sql<Found>`select (from_at - ${sql.lit(monday)}) / ${sql.lit(weekMs)} as week,
      coalesce(vendor, '') as vendor, coalesce(model, '') as model, coalesce(firmware, '') as firmware, fault_code as code,
      case when status = 'Faulted' then 1 else 0 end as faulted, count(*) as faults, count(distinct station) as stations,
      sum((case when to_at < cast(${to} as bigint) then to_at else cast(${to} as bigint) end) - from_at) as ms
    from live_status_interval
    where party = ${party} and fault_code is not null and fault_code <> ${unnamedFault}
      and from_at >= ${from} and from_at < ${to} and cause = 'reported' ${only}
    group by 1, 2, 3, 4, 5, 6`.execute(store.reader);
  return rows.map(({ faulted, ...row }) => ({
    week: Number(row.week) * weekMs + monday,
    vendor: row.vendor,
    model: row.model,
    firmware: row.firmware,
    code: row.code,
    vendorCode: null,
    isFaulted: faulted === 1,
    faults: Number(row.faults),
    stations: Number(row.stations),
    ms: Number(row.ms),
  }));
}

/** It did not, but perhaps an event did. */
async function withoutCode(needs: HealthNeeds, question: FaultQuestion): Promise<readonly FaultRow[]> {
  const groups = new Map<string, { row: FaultRow; readonly stations: Set<string> }>();
  for await (const faults of unnamedFaults(needs, question)) {
    for (const { station, status, vendor, model, firmware, name, from_at, to_at } of faults) {
      const week = Math.floor((from_at - monday) / weekMs) * weekMs + monday;
      const { code, vendorCode } = name ?? { code: unnamedFault, vendorCode: null };
      const kind = { week, vendor, model, firmware, code, vendorCode, isFaulted: status === "Faulted" };
      const key = JSON.stringify(kind);
      const group = groups.get(key) ?? { row: { ...kind, faults: 0, stations: 0, ms: 0 }, stations: new Set() };
      group.stations.add(station);
      const ms = group.row.ms + Math.min(to_at, question.period.to) - from_at;
      group.row = { ...group.row, faults: group.row.faults + 1, stations: group.stations.size, ms };
      groups.set(key, group);
    }
  }
  return [...groups.values()].map(({ row }) => row);
}

function orderOf({ week, vendor, model, firmware, code, vendorCode, isFaulted }: FaultRow) {
  return [week, vendor, model, firmware, code, vendorCode ?? "", Number(isFaulted)] as const;
}

function compared(a: readonly (number | string)[], b: readonly (number | string)[]): number {
  const at = a.findIndex((value, index) => value !== b[index]);
  return at === -1 ? 0 : a[at]! < b[at]! ? -1 : 1;
}
