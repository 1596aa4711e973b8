// Rule B1, the fold's half: the rebuilt tables of a partition become the live ones, at the very record where live stands.
import { sql } from "kysely";

import { chainStart } from "../core/records/domain-event.ts";
import type { FoldStore, StoreTransaction } from "../core/store/store.ts";
import { holdPosition, raiseTableSet, rebuildRole, type FoldPlace } from "../core/store/table-sets.ts";
import type { PositionRow, StationStateRow } from "../core/store/tables.ts";
import { storeWithin } from "../core/store/write-within.ts";
import type { KnownHold } from "./engine/partition-fold.ts";
import { processorRole } from "./engine/position.ts";
import type { StationFold } from "./engine/station-fold.ts";
import { chainOf, newMemory, stateRowOf, unpackMemory, type Chain } from "./engine/station-memory.ts";
import { ocppFold } from "./ocpp-fold.ts";
import { PartitionRefold, type RefoldInto } from "./refold.ts";

/** Stations looked at in one query. */
const pageRows = 500;

/** What the live fold holds or held: a rebuild holds it again, and until the same record (rule Q2). */
export async function holdsOf(db: FoldStore["reader"], live: PositionRow): Promise<readonly KnownHold[]> {
  return db
    .selectFrom("quarantine")
    .select(["record_offset", "until_offset", "stage", "transaction_key", "reason"])
    .where("table_set", "=", live.table_set)
    .where("partition", "=", live.partition)
    .execute();
}

/**
 * Within a transaction: what the live fold has folded since, the chains of its stations, and the change of the live row.
 * The rebuild should be near: live waits for it meanwhile.
 * @returns the live row as it stands now; undefined: the partition was never folded, or is of this set already
 */
export async function takeOverFold(
  tx: StoreTransaction,
  options: Omit<RefoldInto, "into"> & { readonly tableSet: number },
  partition: number,
): Promise<PositionRow | undefined> {
  const place: FoldPlace = { role: processorRole, topic: options.log.topics.frames.name, partition };
  const live = await holdPosition(tx, place);
  if (!live || live.table_set === options.tableSet) return undefined;
  const into = storeWithin(tx);
  const rebuilt = await PartitionRefold.open({ ...options, into, role: rebuildRole(place.role) }, partition);
  rebuilt.hold(await holdsOf(tx.db, live));
  await rebuilt.foldTo(live.next);
  await takeChains(tx, live, options.tableSet, options.fold ?? ocppFold);
  await raiseTableSet(tx, live, rebuilt.position);
  return { ...rebuilt.position, role: place.role };
}

/**
 * What was sent was sent: each station's next event follows the last one that the live fold concluded, also where a fold of
 * another version would have concluded more or fewer.
 */
async function takeChains<State>(
  tx: StoreTransaction,
  live: PositionRow,
  tableSet: number,
  fold: StationFold<State>,
): Promise<void> {
  const sides = { live: live.table_set, rebuilt: tableSet, partition: live.partition };
  for await (const { party, station, from, row } of stationsThatDiffer(tx, sides)) {
    const chain: Chain = from ? chainOf(from) : { sequence: 0, hash: chainStart };
    const memory = row ? unpackMemory(row, fold) : newMemory(party, station, fold);
    if (memory.sequence === chain.sequence && memory.hash === chain.hash) continue;
    await tx.upsert("station_state", [
      stateRowOf({ ...memory, ...chain }, fold, { tableSet, partition: live.partition }),
    ]);
  }
}

interface Sides {
  readonly live: number;
  readonly rebuilt: number;
  readonly partition: number;
}

interface Station {
  readonly party: string;
  readonly station: string;
  /** Its live state. */
  readonly from: Uint8Array | null;
  /** Its rebuilt row. */
  readonly row: StationStateRow | undefined;
}

async function* stationsThatDiffer(tx: StoreTransaction, sides: Sides): AsyncGenerator<Station> {
  let after: readonly [string, string] | undefined;
  do {
    const past = after ? sql`and (a.party, a.station) > (${after[0]}, ${after[1]})` : sql``;
    const page = await sql<{ party: string; station: string; rebuilt: Uint8Array | null; live: Uint8Array | null }>`
      select a.party, a.station, l.state as live, r.state as rebuilt
      from (select distinct party, station from station_state
        where partition = ${sides.partition} and table_set in (${sides.live}, ${sides.rebuilt})) a
      left join station_state l on l.table_set = ${sides.live} and l.partition = ${sides.partition}
        and l.party = a.party and l.station = a.station
      left join station_state r on r.table_set = ${sides.rebuilt} and r.partition = ${sides.partition}
        and r.party = a.party and r.station = a.station
      where (l.state is null or r.state is null or l.state <> r.state) ${past}
      order by a.party, a.station limit ${sql.lit(pageRows)}`.execute(tx.db);
    for (const { party, station, live, rebuilt } of page.rows) {
      const of = { table_set: sides.rebuilt, partition: sides.partition, party, station, node_id: "", due_at: null };
      yield { party, station, from: live, row: rebuilt ? { ...of, state: rebuilt } : undefined };
    }
    const last = page.rows.length < pageRows ? undefined : page.rows.at(-1);
    after = last && [last.party, last.station];
  } while (after);
}
