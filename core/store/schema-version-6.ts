// Schema version 6: the readings of an event share a row. A frame has a handful, and each row had two uuids' worth of key.
import { sql, type Kysely } from "kysely";

import type { Reading } from "../records/domain-event.ts";
import { packReadings } from "./meter-values.ts";
import type { ColumnKind } from "./schema.ts";
import type { MeterValueRow, Schema } from "./tables.ts";

export const tablesOfVersion6 = {
  meter_value: {
    table_set: "integer",
    partition: "integer",
    session_id: "text",
    sequence: "integer",
    party: "text",
    count: "integer",
    readings: "text",
    last_updated: "bigint",
  },
} as const satisfies Readonly<Record<string, Readonly<Record<string, ColumnKind>>>>;

/** A row a reading, its place in the event in the lower digits of its sequence. */
interface RowOfVersion1 {
  readonly table_set: number;
  readonly partition: number;
  readonly session_id: string;
  readonly sequence: number;
  readonly party: string;
  readonly at: number | null;
  readonly measurand: string;
  readonly context: string;
  readonly phase: string | null;
  readonly location: string | null;
  readonly unit: string | null;
  readonly value: string;
  readonly energy_mwh: number | null;
  readonly last_updated: number;
}

const readingsPerEvent = 65_536;
const rowsAtOnce = 5_000;
/** Parameters of one statement are limited. */
const rowsAnInsert = 500;

/** From `meter_value_1`, a page at a time: there may be more than fit into memory. */
export async function joinReadings(db: Kysely<Schema>): Promise<void> {
  let after: RowOfVersion1 | undefined;
  let open: RowOfVersion1[] = [];
  for (;;) {
    const { rows } = await pageAfter(db, after);
    const all = [...open, ...rows];
    const last = rows.length < rowsAtOnce ? undefined : all.at(-1);
    // The last event of a page may go on in the next one.
    open = last ? all.filter((row) => isOfOneEvent(row, last)) : [];
    await insert(db, all.slice(0, all.length - open.length));
    after = rows.at(-1);
    if (last === undefined) return;
  }
}

async function pageAfter(db: Kysely<Schema>, after: RowOfVersion1 | undefined) {
  const beyond = after
    ? sql`where (session_id, sequence, table_set) > (${after.session_id}, ${after.sequence}, ${after.table_set})`
    : sql``;
  return sql<RowOfVersion1>`select * from meter_value_1 ${beyond}
    order by session_id, sequence, table_set limit ${sql.lit(rowsAtOnce)}`.execute(db);
}

const eventOf = (row: RowOfVersion1) => Math.floor(row.sequence / readingsPerEvent);

/** Of any table set: their rows lie among each other. */
function isOfOneEvent(a: RowOfVersion1, b: RowOfVersion1): boolean {
  return a.session_id === b.session_id && eventOf(a) === eventOf(b);
}

async function insert(db: Kysely<Schema>, rows: readonly RowOfVersion1[]): Promise<void> {
  const events = Map.groupBy(rows, (row) => `${row.table_set} ${row.session_id} ${eventOf(row)}`);
  const joined = [...events.values()].map((some): MeterValueRow => {
    const { table_set, partition, session_id, party, last_updated } = some[0]!;
    const readings = packReadings(some.map((row): Reading => ({ ...row, energyMwh: row.energy_mwh })));
    const sequence = eventOf(some[0]!);
    return { table_set, partition, session_id, sequence, party, count: some.length, readings, last_updated };
  });
  for (let at = 0; at < joined.length; at += rowsAnInsert) {
    await db
      .insertInto("meter_value")
      .values(joined.slice(at, at + rowsAnInsert))
      .execute();
  }
}
