// Faults of which the status named no code, as 2.x stations tell them, each with what the station's events said of it.
import { setImmediate as othersFirst } from "node:timers/promises";
import { sql } from "kysely";

import type { PartyId } from "../../core/ids/ids.ts";
import { unnamedFault } from "../../core/store/status-interval.ts";
import { nameOfFault, type FaultName, type Notice, type UnnamedFault } from "./fault-names.ts";
import type { GroupFilter, HealthNeeds } from "./station-groups.ts";
import type { Period } from "./uptime-report.ts";

/** How far an event and the status may be apart, by log time: they are two messages, and of one connection. */
export const toldWithinMs = 2 * 60_000;

/** With a few events each: some 10 ms of the thread, in which no other request of it is answered. */
const faultsPerStep = 100;

export interface FaultQuestion {
  readonly party: PartyId;
  readonly period: Period;
  /** By what the station said at the boot before. */
  readonly filter: Pick<GroupFilter, "vendor" | "model">;
}

export interface Fault extends UnnamedFault {
  readonly station: string;
  readonly sequence: number;
  readonly status: string;
  readonly vendor: string;
  readonly model: string;
  readonly firmware: string;
  /** undefined: the station said nothing of it. */
  readonly name: FaultName | undefined;
}

type Row = Omit<Fault, "name"> & { readonly key: string | null; readonly document: string | null };

/** Those that began in the period, some at a time, in the order in which they began. */
export async function* unnamedFaults(
  { store }: Pick<HealthNeeds, "store">,
  question: FaultQuestion,
): AsyncGenerator<readonly Fault[]> {
  let last: Fault | undefined;
  do {
    const { rows } = await step(question, last).execute(store.reader);
    const faults = named(rows);
    if (faults.length > 0) yield faults;
    last = faults.length < faultsPerStep ? undefined : faults.at(-1);
    // SQLite answers at once: without it a long period would hold the thread from its first fault to its last.
    await othersFirst();
  } while (last);
}

function step({ party, period: { from, to }, filter: { vendor, model } }: FaultQuestion, last: Fault | undefined) {
  const beyond = last
    ? sql`and (from_at > ${last.from_at} or (from_at = ${last.from_at}
        and (station > ${last.station} or (station = ${last.station} and sequence > ${last.sequence}))))`
    : sql``;
  return sql<Row>`select f.*, d.key, d.document from (
      select station, sequence, evse_id, connector_id, status, from_at, to_at,
        coalesce(vendor, '') as vendor, coalesce(model, '') as model, coalesce(firmware, '') as firmware
      from live_status_interval
      where party = ${party} and fault_code = ${unnamedFault} and cause = 'reported'
        and from_at >= ${last?.from_at ?? from} and from_at < ${to} ${beyond}
        ${vendor === undefined ? sql`` : sql`and vendor = ${vendor}`} ${model === undefined ? sql`` : sql`and model = ${model}`}
      order by from_at, station, sequence limit ${sql.lit(faultsPerStep)}
    ) f left join live_station_document d on d.party = ${party} and d.station = f.station and d.collection = 'events'
      and d.key >= ${paddedTime(sql`f.from_at - ${sql.lit(toldWithinMs)}`)}
      and d.key < ${paddedTime(sql`f.from_at + ${sql.lit(toldWithinMs)}`)}
    order by f.from_at, f.station, f.sequence, d.key`;
}

/** Beginning of a notice's key, in SQL that both know: `timeOfNotice` reads it. */
function paddedTime(time: ReturnType<typeof sql>) {
  return sql`substr('000000000000000' || cast(${time} as text), 1 + length(cast(${time} as text)))`;
}

/** A fault comes once for each notice. */
function named(rows: readonly Row[]): readonly Fault[] {
  const found: { readonly row: Row; readonly notices: Notice[] }[] = [];
  for (const row of rows) {
    const { key, document } = row;
    const before = found.at(-1);
    const isSame = before?.row.station === row.station && before.row.sequence === row.sequence;
    const of = isSame ? before : { row, notices: [] };
    if (!isSame) found.push(of);
    if (key !== null && document !== null) of.notices.push({ key, document });
  }
  return found.map(({ row: { key: _key, document: _document, ...fault }, notices }) => ({
    ...fault,
    name: nameOfFault(fault, notices),
  }));
}
