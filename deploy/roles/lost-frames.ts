// Rule B5: the frames that a partition's tables had folded and its log does not hold any more. The fold remembers of each
// station the last sequence of each source (rule I2): what lies behind the one that the surviving log leads to is lost.
import { sql, type Kysely } from "kysely";

import type { EventLog } from "../../core/log/log.ts";
import type { Schema, StationStateRow } from "../../core/store/tables.ts";
import { itemOf } from "../../processors/engine/record.ts";
import type { StationFold } from "../../processors/engine/station-fold.ts";
import { unpackMemory } from "../../processors/engine/station-memory.ts";
import type { StationState } from "../../processors/ocpp-fold.ts";
import type { LostItem } from "./lost.ts";

/** One partition of the processor's tables before and after. */
export interface Sides {
  readonly partition: number;
  readonly former: number;
  readonly rebuilt: number;
}

interface Sources {
  readonly sources: ReadonlyMap<string, { readonly sequence: number; readonly offset: number }>;
}

/** Stations looked at in one query. */
const pageRows = 500;
const none: Sources = { sources: new Map() };

export async function lostFrames(
  db: Kysely<Schema>,
  log: EventLog,
  sides: Sides,
  fold: StationFold<StationState>,
): Promise<readonly LostItem[]> {
  const records = await lostRecords(db, sides);
  const items: LostItem[] = [];
  for await (const row of formerStations(db, sides)) {
    const { party, station } = row;
    const own: LostItem[] = [];
    const after = row.rebuilt ? unpackMemory({ ...row, state: row.rebuilt }, fold) : none;
    for (const [source, last] of unpackMemory(row, fold).sources) {
      const survived = after.sources.get(source);
      if (survived && survived.sequence >= last.sequence) continue;
      if (!survived && (await isThere(log, sides.partition, source, last))) continue;
      const first = survived ? survived.sequence + 1 : 0;
      const what = { source, first, last: last.sequence };
      own.push({ party, station, kind: "frames", id: `${source}/${first}`, what });
    }
    const lost = records.get(`${party}/${station}`) ?? 0;
    const named = own.reduce((sum, { what }) => sum + Number(what["last"]) - Number(what["first"]) + 1, 0);
    items.push(...own);
    if (station !== "" && lost !== named) {
      items.push({ party, station, kind: "records", id: station, what: { records: lost, named } });
    }
  }
  return items;
}

/** A source that was forgotten meanwhile, for many others came, and whose record is in the log all the same. */
async function isThere(
  log: EventLog,
  partition: number,
  source: string,
  { sequence, offset }: { readonly sequence: number; readonly offset: number },
): Promise<boolean> {
  const { frames } = log.topics;
  if (offset >= (await log.endOffset(frames, partition))) return false;
  for await (const { records } of log.read(frames, partition, offset, offset + 1)) {
    const item = records[0] && itemOf(records[0]);
    const record = item instanceof Error ? null : item?.record;
    return record?.source === source && record.sequence === sequence;
  }
  return false;
}

/** How many fewer records each station has by the index of frames, by `party/station`. */
async function lostRecords(
  db: Kysely<Schema>,
  { partition, former, rebuilt }: Sides,
): Promise<ReadonlyMap<string, number>> {
  const rows = await db
    .selectFrom("frame_index")
    .select(["party", "station", "table_set", (eb) => eb.fn.sum<number | string>("records").as("records")])
    .where("partition", "=", partition)
    .where("table_set", "in", [former, rebuilt])
    .groupBy(["party", "station", "table_set"])
    .execute();
  const lost = new Map<string, number>();
  for (const { party, station, table_set, records } of rows) {
    const key = `${party}/${station}`;
    lost.set(key, (lost.get(key) ?? 0) + (table_set === former ? 1 : -1) * Number(records));
  }
  return lost;
}

type FormerStation = StationStateRow & { readonly rebuilt: Uint8Array | null };

/** Those whose rows differ. */
async function* formerStations(
  db: Kysely<Schema>,
  { partition, former, rebuilt }: Sides,
): AsyncGenerator<FormerStation> {
  let after: readonly [string, string] | undefined;
  do {
    const past = after ? sql`and (f.party, f.station) > (${after[0]}, ${after[1]})` : sql``;
    const page = await sql<FormerStation>`select f.*, r.state as rebuilt from station_state f
      left join station_state r on r.table_set = ${rebuilt} and r.partition = f.partition
        and r.party = f.party and r.station = f.station
      where f.table_set = ${former} and f.partition = ${partition}
        and (r.state is null or r.state <> f.state) ${past}
      order by f.party, f.station limit ${sql.lit(pageRows)}`.execute(db);
    yield* page.rows;
    const last = page.rows.length < pageRows ? undefined : page.rows.at(-1);
    after = last && [last.party, last.station];
  } while (after);
}
