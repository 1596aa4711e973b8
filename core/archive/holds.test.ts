import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";

import { postgresSchema, type PostgresSchema } from "../../test/harness/postgres.ts";
import { serversForTests } from "../../tools/servers/ensure.ts";
import { trusted } from "../ids/ids.ts";
import { firstOffsetOf, topicsOfGeneration } from "../log/generations.ts";
import { makeTopics, type Topic } from "../log/log.ts";
import { packBundle } from "../records/bundle.ts";
import { encodeEvent } from "../records/domain-event.ts";
import { positionRow } from "../store/rows.test-helper.ts";
import { openPostgresStore } from "../store/store-postgres.ts";
import { openSqliteStore } from "../store/store-sqlite.ts";
import type { Store } from "../store/store.ts";
import type { OutboxRow, ParkedRow, QuarantineRow } from "../store/tables.ts";
import { holdsOf } from "./holds.ts";

const topics = makeTopics(1, 4);
const next = topicsOfGeneration(2, 4);
const second = firstOffsetOf(next.frames);
const { servers, missing } = await serversForTests(["postgres"]);
const set = { table_set: 1, partition: 0 };

function quarantined(record_offset: number, until_offset: number | null): QuarantineRow {
  const words = { stage: "processor", party: "DEABC", station: "s1", transaction_key: "t", reason: "r" };
  const rest = { bytes: Uint8Array.of(1), state: until_offset === null ? "held" : "redriven", log_time: 1 };
  return { ...set, id: `q${record_offset}`, record_offset, until_offset, ...words, ...rest };
}

function waiting(sequence: number, logTime: number): OutboxRow {
  const value = encodeEvent({
    party: trusted.party("DEABC"),
    station: trusted.station("s1"),
    keyId: null,
    sequence,
    hash: "0123456789abcdef",
    logTime,
    cause: "c",
    body: { kind: "stationSeen" },
  });
  return { ...set, sequence, count: 1, events: packBundle([{ key: "DEABC/s1", value }]) };
}

describe.each(["SQLite", "Postgres"] as const)("what the log must not give up, asked of %s", (dialect) => {
  let store: Store;
  let folder: string;
  let schema: PostgresSchema | undefined;

  beforeEach(async (context) => {
    folder = mkdtempSync(join(tmpdir(), "wattlog-holds-"));
    if (dialect === "Postgres") {
      if (missing !== undefined) context.skip(missing);
      schema = await postgresSchema(servers.postgres!.url);
      store = openPostgresStore({ url: schema.url });
    } else store = openSqliteStore(folder);
    await store.migrate();
  });

  afterEach(async () => {
    await store?.close();
    await schema?.drop();
    schema = undefined;
    rmSync(folder, { recursive: true });
  });

  const hold = async (topic: Topic, partition = 0) => (await holdsOf(store, { topics })).of(topic, partition);

  test("nothing goes that was never folded, by the fold of its topic", async () => {
    const rows = [
      positionRow({ role: "projector", topic: topics.frames.name, next: 50 }),
      positionRow({ role: "processor", topic: topics.events.name, next: 50 }),
    ];
    await store.transaction((tx) => tx.upsert("position", rows));
    for (const topic of [topics.frames, topics.events]) expect(await hold(topic)).toEqual({ offset: 0, logTime: 0 });
  });

  test("the furthest behind of all who stand in a partition holds it, with the record before its position", async () => {
    const rows = [
      positionRow({ next: 50 }),
      positionRow({ role: "rebuild", next: 30 }),
      positionRow({ next: 10, partition: 1 }),
      positionRow({ role: "projector", topic: topics.events.name, next: 20 }),
    ];
    await store.transaction((tx) => tx.upsert("position", rows));
    expect(await hold(topics.frames)).toEqual({ offset: 29, logTime: Infinity });
    expect(await hold(topics.frames, 1)).toEqual({ offset: 9, logTime: Infinity });
    expect(await hold(topics.events)).toEqual({ offset: 19, logTime: Infinity });
  });

  test("what is quarantined or parked is held until it is released", async () => {
    const parked: ParkedRow = { ...set, record_offset: 12, quarantine_id: "q20" };
    await store.transaction(async (tx) => {
      await tx.upsert("position", [positionRow({ next: 50 })]);
      await tx.upsert("quarantine", [quarantined(3, 9), quarantined(20, null), quarantined(25, null)]);
    });
    expect(await hold(topics.frames)).toMatchObject({ offset: 20 });
    await store.transaction((tx) => tx.upsert("parked", [parked]));
    expect(await hold(topics.frames)).toMatchObject({ offset: 12 });
  });

  test("B4: a generation that has ended is held by what of it is not passed, in quarantine or parked, and by nothing else", async () => {
    const across = async (topic: Topic, partition = 0) =>
      (await holdsOf(store, { topics: next, earlier: [topics] })).of(topic, partition);
    const rows = [
      positionRow({ next: 50 }),
      positionRow({ next: 30, partition: 1 }),
      positionRow({ role: "rebuild/processor", next: 20, partition: 1 }),
      positionRow({ role: "projector", topic: topics.events.name, next: 40 }),
      positionRow({ topic: next.frames.name, generation: 2, next: second + 70 }),
      positionRow({ topic: next.frames.name, generation: 2, next: second + 60, partition: 1 }),
    ];
    await store.transaction((tx) => tx.upsert("position", rows));
    // Whole: no fold starts there any more, so none asks for its last record.
    expect(await across(topics.frames)).toEqual({ offset: 50, logTime: Infinity });
    expect(await across(topics.frames, 1)).toEqual({ offset: 20, logTime: Infinity });
    expect(await across(topics.frames, 2)).toEqual({ offset: 0, logTime: 0 });
    expect(await across(topics.events)).toEqual({ offset: 40, logTime: Infinity });
    expect(await across(topics.events, 1)).toEqual({ offset: 0, logTime: 0 });
    expect(await across(next.frames)).toEqual({ offset: second + 69, logTime: Infinity });
    const parked: ParkedRow = { ...set, partition: 1, record_offset: second + 2, quarantine_id: "q15" };
    await store.transaction(async (tx) => {
      await tx.upsert("quarantine", [
        quarantined(33, null),
        quarantined(second + 5, null),
        { ...quarantined(15, null), partition: 1 },
      ]);
      await tx.upsert("parked", [parked]);
    });
    const held = [across(topics.frames), across(topics.frames, 1), across(next.frames), across(next.frames, 1)];
    expect((await Promise.all(held)).map(({ offset }) => offset)).toEqual([33, 15, second + 5, second + 2]);
  });

  test("events that wait in the outbox hold what is as young as the first of them", async () => {
    await store.transaction(async (tx) => {
      await tx.upsert("position", [positionRow({ next: 50 })]);
      await tx.upsert("outbox", [waiting(8, 900), waiting(5, 700), waiting(9, 950)]);
    });
    expect(await hold(topics.frames)).toEqual({ offset: 49, logTime: 700 });
  });
});
