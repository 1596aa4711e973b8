import { expect, test } from "vitest";

import { logKey, trusted } from "../core/ids/ids.ts";
import { encodeRecord } from "../core/records/codec.ts";
import { RegistryView } from "../core/registry/view.ts";
import type { Store } from "../core/store/store.ts";
import type { QuarantineRow } from "../core/store/tables.ts";
import { t0, tablesOf, timed, World } from "./folding.test-helper.ts";
import { MemoryLog } from "./memory-log.test-helper.ts";
import { refold } from "./refold.ts";
import { idOf, Line, nodeA, other, party } from "./station.test-helper.ts";

test("L4, T3: what a lost node was told for one partition is remembered there alone, however the partitions take turns", async () => {
  const log = new MemoryLog(2);
  const world = new World();
  const nobody = trusted.station("");
  for (const partition of [0, 1]) {
    const line = new Line(`CS${partition}`);
    // Each partition has a writer of its own, as two processors have.
    const writer = other("");
    for (const record of [line.connected(nodeA), line.claimed(), writer.record({ kind: "nodeLost", nodeId: nodeA })]) {
      const key = record.station === nobody ? "" : logKey(record.party, record.station);
      await log.append(log.topics.frames, partition, [{ key, value: encodeRecord(record) }]);
    }
  }
  const registry = new RegistryView(log);
  await registry.start();
  const states = async (turns: readonly number[][]) => {
    const into = await world.store();
    for (const partitions of turns) {
      await refold({
        log,
        registry,
        into,
        partitions,
        upTo: new Map([
          [0, 3],
          [1, 3],
        ]),
        holds: [],
      });
    }
    const rows = await into.reader
      .selectFrom("station_state")
      .selectAll()
      .orderBy("partition")
      .orderBy("station")
      .execute();
    return rows.map((row) => ({ ...row, state: Buffer.from(row.state).toString("hex") }));
  };
  try {
    const inOrder = await states([[0], [1]]);
    expect(await states([[1], [0]])).toEqual(inOrder);
    expect(inOrder.map((row) => [row.partition, row.station, row.node_id])).toEqual([
      [0, "", ""],
      [0, "CS0", ""],
      [1, "", ""],
      [1, "CS1", ""],
    ]);
  } finally {
    await registry.stop();
    await world.end();
  }
});

test.each([
  ["half a surrogate pair", "tx-\ud800"],
  ["a NUL", "tx-\0"],
])(
  "L4, Q1: a poison transaction named with %s is held and let go alike by a fold and by its rebuild",
  async (_, transactionId) => {
    const world = new World();
    const line = new Line("CS1", "ocpp2.0.1");
    const named = { transactionInfo: { transactionId }, seqNo: 0, timestamp: "2026-01-01T00:00:00Z" };
    const event = (eventType: string) =>
      line.call("TransactionEvent", { ...named, eventType, triggerReason: "Authorized" });
    await world.write(timed([line.connected(), line.claimed(), event("Begun"), event("Ended")]));
    const registry = await world.view();
    const folded = async (end: number, into: Store, holds: readonly QuarantineRow[]) => {
      await refold({ log: world.log, registry, into, partitions: [0], upTo: new Map([[0, end]]), holds });
      return tablesOf(into, ["station_state", "quarantine", "parked"]);
    };
    try {
      const live = await world.store();
      const before = await folded(4, live, []);
      const heldBy = () => live.reader.selectFrom("quarantine").selectAll().execute();
      const [held] = await heldBy();
      expect(held).toMatchObject({ stage: "fold", state: "held" });
      expect(held!.transaction_key).toContain("tx-\ufffd");
      expect(before["parked"]).toHaveLength(1);
      expect(await folded(4, await world.store(), await heldBy())).toEqual(before);

      const release = other("CS1").record({ kind: "release", quarantineId: held!.id, actor: "test" });
      await world.write(timed([release, event("Updated")], t0 + 120_000));
      const after = await folded(6, live, []);
      expect(after["parked"]).toEqual([]);
      expect(await folded(6, await world.store(), await heldBy())).toEqual(after);
    } finally {
      await registry.stop();
      await world.end();
    }
  },
);

test("Q2: what an older version could not read is held by a rebuild that can, until the redrive that folds it", async () => {
  const world = new World();
  const line = new Line("CS1");
  const start = line.start();
  await world.write(timed([line.connected(), line.claimed()]));
  await world.log.append(world.log.topics.frames, 0, [{ key: logKey(party, line.station), value: Uint8Array.of(193) }]);
  await world.write(timed([line.meter(idOf(), "1500", 1)], t0 + 60_000));
  const registry = await world.view();
  const folded = async (upTo: number, into: Store, holds: readonly QuarantineRow[]) => {
    await refold({ log: world.log, registry, into, partitions: [0], upTo: new Map([[0, upTo]]), holds });
    return tablesOf(into, ["position", "station_state", "reading", "frame_index", "quarantine", "parked"]);
  };
  try {
    const live = await world.store();
    const before = await folded(4, live, []);
    const heldBy = () => live.reader.selectFrom("quarantine").selectAll().execute();
    expect(await heldBy()).toMatchObject([{ stage: "decode", record_offset: 2, state: "held" }]);
    // The upgrade: from now on these bytes are a record.
    const list = world.log.all(world.log.topics.frames);
    const value = encodeRecord(start);
    list[2] = { ...list[2]!, value };
    const wanted = (rows: Record<string, string[]>) => ({ ...rows, quarantine: rows["quarantine"]?.map(withoutBytes) });
    expect(wanted(await folded(4, await world.store(), await heldBy()))).toEqual(wanted(before));

    const redrive = other("CS1").record({ kind: "redrive", quarantineId: (await heldBy())[0]!.id, actor: "test" });
    await world.write(timed([redrive, line.stop(idOf())], t0 + 120_000));
    const after = await folded(6, live, []);
    expect(await heldBy()).toMatchObject([{ state: "redriven", until_offset: 4 }]);
    expect(wanted(await folded(6, await world.store(), await heldBy()))).toEqual(wanted(after));
  } finally {
    await registry.stop();
    await world.end();
  }
});

function withoutBytes(row: string): string {
  return JSON.stringify({ ...(JSON.parse(row) as object), bytes: "" });
}
