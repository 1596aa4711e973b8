// What a batch needs from the tables before it can be folded, in as few queries as there can be.
import type { SessionId } from "../../core/ids/ids.ts";
import { generationAt, placesOf } from "../../core/log/generations.ts";
import type { EventLog } from "../../core/log/log.ts";
import type { Reading } from "../../core/records/domain-event.ts";
import { unpack } from "../../core/records/msgpack.ts";
import type { FoldStore } from "../../core/store/store.ts";
import type { QuarantineRow, StationStateRow } from "../../core/store/tables.ts";
import type { KeptReadings, Scope } from "./batch.ts";
import { itemOf, type Item } from "./record.ts";
import { nodeSeparator } from "./station-memory.ts";

/** Parameters of one query; SQLite and Postgres both take more. */
const keysPerQuery = 500;

export interface StationKey {
  readonly party: string;
  readonly station: string;
}

export async function loadStates(
  store: FoldStore,
  scope: Scope,
  keys: readonly StationKey[],
): Promise<readonly StationStateRow[]> {
  const byParty = Map.groupBy(keys, (key) => key.party);
  const rows: StationStateRow[] = [];
  for (const [party, ofParty] of byParty) {
    for (let at = 0; at < ofParty.length; at += keysPerQuery) {
      const stations = ofParty.slice(at, at + keysPerQuery).map((key) => key.station);
      const found = await store.reader
        .selectFrom("station_state")
        .selectAll()
        .where("table_set", "=", scope.tableSet)
        .where("partition", "=", scope.partition)
        .where("party", "=", party)
        .where("station", "in", stations)
        .execute();
      rows.push(...found);
    }
  }
  return rows;
}

/** What the side table has of these sessions (rule F4), in the order of their records, over all generations. */
export async function loadReadings(
  store: FoldStore,
  scope: Scope,
  ids: readonly SessionId[],
): Promise<ReadonlyMap<string, readonly KeptReadings[]>> {
  const found = new Map<string, KeptReadings[]>();
  for (let at = 0; at < ids.length; at += keysPerQuery) {
    const rows = await store.reader
      .selectFrom("reading")
      .select(["session_id", "record_offset", "readings"])
      .where("table_set", "=", scope.tableSet)
      .where("session_id", "in", ids.slice(at, at + keysPerQuery))
      .orderBy("record_offset")
      .execute();
    for (const { session_id: id, record_offset: offset, readings } of rows) {
      const kept = { offset, readings: unpack(readings) as readonly Reading[] };
      const known = found.get(id);
      if (known) known.push(kept);
      else found.set(id, [kept]);
    }
  }
  return found;
}

/**
 * Stations of the partition with a claimed connection of that node, in a fixed order (rule T3). Also one that is not the
 * current: it would be, as soon as the newer one ends.
 */
export async function stationsOfNode(store: FoldStore, scope: Scope, nodeId: string): Promise<StationKey[]> {
  const held = (await heldBy(store, scope)).filter((nodes) => nodes.split(nodeSeparator).includes(nodeId));
  if (held.length === 0) return [];
  return store.reader
    .selectFrom("station_state")
    .select(["party", "station"])
    .where("table_set", "=", scope.tableSet)
    .where("partition", "=", scope.partition)
    .where("node_id", "in", held)
    .orderBy("party")
    .orderBy("station")
    .execute();
}

/** Nodes that hold a station of the partition, by what was folded. */
export async function nodesOf(store: FoldStore, scope: Scope): Promise<readonly string[]> {
  const held = await heldBy(store, scope);
  return [...new Set(held.flatMap((nodes) => nodes.split(nodeSeparator)))].sort();
}

/** What the rows say of nodes: one each in quiet times, and few more while stations move. */
async function heldBy(store: FoldStore, scope: Scope): Promise<readonly string[]> {
  const rows = await store.reader
    .selectFrom("station_state")
    .select("node_id")
    .distinct()
    .where("table_set", "=", scope.tableSet)
    .where("partition", "=", scope.partition)
    .where("node_id", "!=", "")
    .orderBy("node_id")
    .execute();
  return rows.map((row) => row.node_id);
}

export function timersOf(
  store: FoldStore,
  scope: Scope,
): Promise<{ party: string; station: string; due_at: number | null }[]> {
  return store.reader
    .selectFrom("station_state")
    .select(["party", "station", "due_at"])
    .where("table_set", "=", scope.tableSet)
    .where("partition", "=", scope.partition)
    .where("due_at", "is not", null)
    .execute();
}

/** A quarantine row with the records it holds, read back from the log. */
export interface Holding {
  readonly row: QuarantineRow;
  readonly held: Item | undefined;
  readonly parked: readonly Parked[];
}

interface Parked {
  readonly item: Item;
  /** Of the row, and of the record in its generation. */
  readonly partition: number;
}

export async function loadHolding(
  store: FoldStore,
  log: EventLog,
  scope: Scope,
  quarantineId: string,
): Promise<Holding | undefined> {
  const row = await store.reader
    .selectFrom("quarantine")
    .selectAll()
    .where("table_set", "=", scope.tableSet)
    .where("id", "=", quarantineId)
    .executeTakeFirst();
  if (!row) return undefined;
  // Each generation has its own partition of the station; rows stay where their records are (rule B4).
  const places = placesOf(log, `${row.party}/${row.station}`).map(({ partition }) => partition);
  const offsets = await store.reader
    .selectFrom("parked")
    .select(["record_offset", "partition"])
    .where("table_set", "=", scope.tableSet)
    .where("partition", "in", places)
    .where("quarantine_id", "=", quarantineId)
    .orderBy("record_offset")
    .execute();
  const parked: Parked[] = [];
  for (const { record_offset: offset, partition } of offsets) {
    const item = await readItem(log, partition, offset);
    if (item) parked.push({ item, partition });
  }
  return { row, held: await readItem(log, row.partition, row.record_offset), parked };
}

async function readItem(log: EventLog, partition: number, offset: number): Promise<Item | undefined> {
  for await (const batch of log.read(generationAt(log, offset).frames, partition, offset, offset + 1)) {
    const item = batch.records[0] && itemOf(batch.records[0]);
    return item instanceof Error ? undefined : item;
  }
  return undefined;
}
