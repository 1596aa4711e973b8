// What `Store.write` promises, on each adapter: rule F3 for many partitions at one moment.
import { expect, test } from "vitest";

import { StoreRewound, TableSetChanged } from "./position.ts";
import type { Change, Store } from "./store.ts";
import { positionRow, stateRow } from "./rows.test-helper.ts";
import type { OutboxRow, PositionRow } from "./tables.ts";

const fold = (partition: number, next: number, changes: Partial<PositionRow> = {}): PositionRow =>
  positionRow({ partition, next, fingerprint: `of-${next}`, ...changes });

const state = (partition: number): Change => ({
  act: "upsert",
  table: "station_state",
  rows: [stateRow({ partition, station: `of-${partition}` })],
});

const event = (partition: number, sequence: number, text = "an event"): OutboxRow => ({
  table_set: 1,
  partition,
  sequence,
  count: 1,
  events: Buffer.from(text),
});

export function writeContract(parts: () => { readonly store: Store }): void {
  const begin = async (...rows: readonly PositionRow[]): Promise<Store> => {
    const { store } = parts();
    await store.transaction((tx) => tx.upsert("position", rows));
    return store;
  };
  const nexts = async (store: Store) => {
    const rows = await store.reader.selectFrom("position").select("next").orderBy("partition").execute();
    return rows.map(({ next }) => next);
  };
  const outbox = async (store: Store) => {
    const rows = await store.reader.selectFrom("outbox").selectAll().orderBy("partition").orderBy("sequence").execute();
    return rows.map((row) => `${row.partition}/${row.sequence} ${Buffer.from(row.events).toString()}`);
  };

  test("F3: of partitions that write at once, those whose position was moved by somebody else write nothing, the others all", async () => {
    const store = await begin(fold(0, 5), fold(1, 7), fold(2, 9), fold(3, 11), fold(4, 13, { table_set: 2 }));
    const move = (partition: number, from: number, to: number) =>
      store.write({ move: { from: fold(partition, from), to: fold(partition, to) }, changes: [state(partition)] });
    const ends = await Promise.allSettled([
      move(0, 5, 6),
      move(1, 6, 8),
      move(2, 9, 10),
      move(3, 12, 13),
      move(4, 13, 14),
    ]);
    expect(ends.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled", "rejected", "rejected"]);
    const why = ends.map((end) => (end.status === "rejected" ? (end.reason as Error) : undefined));
    expect(why[1]).toMatchObject({ code: "fold/zombie" });
    expect(why[3]).toBeInstanceOf(StoreRewound);
    expect(why[4]).toBeInstanceOf(TableSetChanged);
    expect(await nexts(store)).toEqual([6, 7, 10, 11, 13]);
    const states = await store.reader.selectFrom("station_state").select("station").orderBy("station").execute();
    expect(states.map(({ station }) => station)).toEqual(["of-0", "of-2"]);
  });

  test("F3: a position of the same offset, but of another record or another generation, is not the one that is moved", async () => {
    const store = await begin(fold(0, 5), fold(1, 5));
    const move = (from: PositionRow) =>
      store.write({ move: { from, to: { ...from, next: 6 } }, changes: [state(from.partition)] });
    await expect(move(fold(0, 5, { fingerprint: "another" }))).rejects.toMatchObject({ code: "fold/zombie" });
    await expect(move(fold(1, 5, { generation: 2 }))).rejects.toMatchObject({ code: "fold/zombie" });
    expect(await nexts(store)).toEqual([5, 5]);
    expect(await store.reader.selectFrom("station_state").select("station").execute()).toEqual([]);
  });

  test("the whole position row moves, and a row without a position is written for itself", async () => {
    const store = await begin(fold(0, 5));
    const to = fold(0, 9, { applied: 1, skipped: 2, quarantined: 3, parked: 4, log_time: 1_700_000_000_000 });
    await Promise.all([
      store.write({ move: { from: fold(0, 5), to }, changes: [] }),
      store.write({ changes: [state(3)] }),
    ]);
    expect(await store.reader.selectFrom("position").selectAll().execute()).toEqual([to]);
    expect(await store.reader.selectFrom("station_state").select("partition").execute()).toEqual([{ partition: 3 }]);
  });

  test("a row that is to be new and exists stays as it is, and nobody who writes at the same moment is harmed", async () => {
    const store = await begin();
    await store.write({ changes: [{ act: "insertNew", table: "outbox", rows: [event(0, 1)] }] });
    const add = (...rows: readonly OutboxRow[]) =>
      store.write({ changes: [{ act: "insertNew", table: "outbox", rows }] });
    await Promise.all([add(event(0, 1, "another"), event(0, 2)), add(event(1, 1))]);
    expect(await outbox(store)).toEqual(["0/1 an event", "0/2 an event", "1/1 an event"]);
  });

  test("removals come before what is written, whatever their order, and of what is not there nothing is removed", async () => {
    const store = await begin();
    const add = (...rows: readonly OutboxRow[]): Change => ({ act: "insertNew", table: "outbox", rows });
    const remove = (...rows: readonly OutboxRow[]): Change => ({ act: "remove", table: "outbox", rows });
    await store.write({ changes: [add(event(0, 1), event(0, 2), event(1, 1), event(1, 2))] });
    await Promise.all([
      store.write({ changes: [add(event(0, 1, "again"), event(0, 3)), remove(event(0, 1), event(0, 7))] }),
      store.write({ changes: [remove(event(1, 2))] }),
    ]);
    expect(await outbox(store)).toEqual(["0/1 again", "0/2 an event", "0/3 an event", "1/1 an event"]);
  });

  test("more than one turn holds is written all the same, each partition whole", async () => {
    const partitions = [0, 1, 2, 3];
    const store = await begin(...partitions.map((partition) => fold(partition, 0)));
    const many = (partition: number) => Array.from({ length: 9_000 }, (_, sequence) => event(partition, sequence));
    await Promise.all(
      partitions.map((partition) =>
        store.write({
          move: { from: fold(partition, 0), to: fold(partition, 9_000) },
          changes: [{ act: "insertNew", table: "outbox", rows: many(partition) }],
        }),
      ),
    );
    expect(await nexts(store)).toEqual([9_000, 9_000, 9_000, 9_000]);
    const { n } = await store.reader
      .selectFrom("outbox")
      .select((eb) => eb.fn.countAll<number>().as("n"))
      .executeTakeFirstOrThrow();
    expect(n).toBe(36_000);
  });
}
