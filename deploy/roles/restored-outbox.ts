// Rule B5, the events of a partition that is folded again: what the surviving `charging.events` holds is not sent again; what
// it lost is.
import { unpackBundle, packBundle } from "../../core/records/bundle.ts";
import { decodeEvent } from "../../core/records/domain-event.ts";
import type { LogBatch, Topic } from "../../core/log/log.ts";
import type { FoldStore } from "../../core/store/store.ts";

/** One partition of one table set. */
export interface Rows {
  readonly tableSet: number;
  readonly partition: number;
}

/** By `party/station`: how far the projection is in the station's events (rule F5). */
export type Chains = ReadonlyMap<string, { readonly sequence: number; readonly hash: string }>;

export async function chainsIn(db: FoldStore["reader"], { tableSet, partition }: Rows): Promise<Chains> {
  const rows = await db
    .selectFrom("chain")
    .select(["party", "station", "sequence", "hash"])
    .where("table_set", "=", tableSet)
    .where("partition", "=", partition)
    .execute();
  return new Map(rows.map(({ party, station, ...chain }) => [`${party}/${station}`, chain]));
}

/**
 * Takes out what the log of events holds.
 * @param after rows up to this sequence were looked at before
 * @returns the last one that there was
 */
export async function dropSent(store: FoldStore, of: Rows, chains: Chains, after: number): Promise<number> {
  const rows = await rowsOf(store, of, after);
  for (const row of rows) {
    const entries = unpackBundle(row.events);
    const kept = entries.filter(({ key, value }) => decodeEvent(value).sequence > (chains.get(key)?.sequence ?? 0));
    if (kept.length === entries.length) continue;
    const { table_set, partition, sequence } = row;
    await store.write({
      changes: [
        kept.length === 0
          ? { act: "remove", table: "outbox", rows: [{ table_set, partition, sequence }] }
          : { act: "upsert", table: "outbox", rows: [{ ...row, count: kept.length, events: packBundle(kept) }] },
      ],
    });
  }
  return rows.at(-1)?.sequence ?? after;
}

/** What waits, as the log of events will have it: for a look at the tables as they will be. */
export async function* waiting(store: FoldStore, of: Rows, topic: Topic, from: number): AsyncGenerator<LogBatch> {
  let offset = from;
  for (const { events } of await rowsOf(store, of, -1)) {
    const records = unpackBundle(events).map(({ key, value }) => {
      return { offset: offset++, logTime: decodeEvent(value).logTime, key, value };
    });
    yield { topic, partition: of.partition, records };
  }
}

function rowsOf({ reader }: FoldStore, { tableSet, partition }: Rows, after: number) {
  return reader
    .selectFrom("outbox")
    .selectAll()
    .where("table_set", "=", tableSet)
    .where("partition", "=", partition)
    .where("sequence", ">", after)
    .orderBy("sequence")
    .execute();
}
