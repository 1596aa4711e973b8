// A store that has lost transactions which it had committed, under running folds: it was restored to an earlier state, or
// crashed without its last commits. The position row is the truth (rule F3): what was lost is folded again without anybody
// restarting anything, by the process whose partition it is and by no other.
import { afterEach, beforeEach, expect, test } from "vitest";

import type { CommandBus } from "../../core/bus/bus.ts";
import { derivedId, trusted } from "../../core/ids/ids.ts";
import { decodeEvent } from "../../core/records/domain-event.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import type { RegistryView } from "../../core/registry/view.ts";
import { FakeClock } from "../../core/runtime/clock.ts";
import { silentLogger } from "../../core/runtime/logger.ts";
import { createMetrics, type Metrics } from "../../core/runtime/metrics.ts";
import { tableChecksums } from "../../core/store/checksum.ts";
import type { Store } from "../../core/store/store.ts";
import { derivedTables, primaryKeys, type PositionRow, type TableName, type Tables } from "../../core/store/tables.ts";
import type { StationFold } from "../../processors/engine/station-fold.ts";
import { t0, timed, World } from "../../processors/folding.test-helper.ts";
import { ocppFold, type StationState } from "../../processors/ocpp-fold.ts";
import { createProcessor, type Processor } from "../../processors/processor.ts";
import { refold } from "../../processors/refold.ts";
import { idOf, Line, other } from "../../processors/station.test-helper.ts";
import { createProjector, type Projector } from "../../projections/models/projector.ts";
import { reproject } from "../../projections/models/reproject.ts";
import { testOnPostgres } from "../harness/stores.ts";

testOnPostgres();

let world: World;
let store: Store;
let registry: RegistryView;
let clock: FakeClock;
let metrics: Metrics;
let running: (Processor | Projector)[];

beforeEach(async () => {
  world = new World();
  store = await world.store();
  registry = await world.view();
  clock = new FakeClock(t0);
  metrics = createMetrics();
  running = [];
});

afterEach(async () => {
  for (const role of running) await role.stop();
  await registry.stop();
  await world.end();
});

const bus: CommandBus = {
  claim: () => Promise.resolve("current"),
  release: () => Promise.resolve(),
  owner: () => Promise.resolve(undefined),
  send: () => Promise.resolve(true),
  listen: () => Promise.resolve(() => Promise.resolve()),
  nodes: () => Promise.resolve([]),
  close: () => Promise.resolve(),
};

type Owns = (partition: number) => Promise<boolean>;

interface FoldOptions {
  readonly owns?: Owns;
  readonly fold?: StationFold<StationState>;
  readonly store?: Store;
}

async function fold(options: FoldOptions = {}): Promise<Processor> {
  const common = { log: world.log, store, bus, registry, clock, metrics, logger: silentLogger() };
  const processor = createProcessor({ ...common, nodeId: trusted.node("me"), ...options });
  running.push(processor);
  await processor.start();
  return processor;
}

async function project(options: Pick<FoldOptions, "owns" | "store"> = {}): Promise<Projector> {
  const common = { log: world.log, store, registry, clock, metrics, logger: silentLogger() };
  const projector = createProjector({ ...common, ...options });
  running.push(projector);
  await projector.start();
  return projector;
}

const patienceMs = 60_000;

/** Time goes on while it waits, for pauses and looks run by it. */
async function until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + patienceMs; performance.now() < end;) {
    if (await holds()) return;
    clock.advance(500);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  throw new Error(`it did not come about: ${what}`);
}

async function aMinute(): Promise<void> {
  for (let turn = 0; turn < 60; turn++) {
    clock.advance(1_000);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

async function nextOf(role: Role): Promise<number | undefined> {
  const rows = await store.reader.selectFrom("position").select(["role", "next"]).execute();
  return rows.find((row) => row.role === role)?.next;
}

const length = (of: "frames" | "events"): number => world.log.all(world.log.topics[of]).length;
const outboxEmpty = async () => (await store.reader.selectFrom("outbox").select("sequence").execute()).length === 0;
const folded = () => until("all is folded", async () => (await nextOf("processor")) === length("frames"));
const quiet = () =>
  until("all is folded, sent and projected", async () => {
    const isFolded = (await nextOf("processor")) === length("frames") && (await outboxEmpty());
    return isFolded && (await nextOf("projector")) === length("events");
  });

type Copy = ReadonlyMap<TableName, readonly Tables[TableName][]>;

async function copyOf(): Promise<Copy> {
  return store.snapshot(async (db) => {
    const copy = new Map<TableName, readonly Tables[TableName][]>();
    for (const table of Object.keys(primaryKeys) as TableName[]) {
      copy.set(table, await db.selectFrom(table).selectAll().execute());
    }
    return copy;
  });
}

type Role = "processor" | "projector";

/** All at once, as a database that comes back from its backup; or what one role wrote. */
async function restore(copy: Copy, role?: Role): Promise<void> {
  const roles: Partial<Record<TableName, Role>> = derivedTables;
  await store.transaction(async (tx) => {
    for (const [table, rows] of copy) {
      if (role !== undefined && roles[table] !== role) continue;
      await tx.db.deleteFrom(table).execute();
      await tx.upsert(table, rows);
    }
    if (role === undefined) return;
    const position = (copy.get("position") as PositionRow[]).find((row) => row.role === role);
    await tx.upsert("position", [position!]);
  });
}

/** Rule L4: the tables are those of a fold and a projection from the beginning of the log. */
async function expectRebuilt(): Promise<void> {
  const into = await world.store();
  const holds = await store.reader.selectFrom("quarantine").selectAll().execute();
  const upTo = new Map([[0, length("frames")]]);
  await refold({ log: world.log, registry, into, partitions: [0], upTo, holds });
  await reproject({ log: world.log, into, partitions: [0] });
  const live = await tableChecksums(store.reader, 1);
  expect(live.station_state.rows).toBeGreaterThan(0);
  expect(live.session.rows).toBeGreaterThan(0);
  expect(live).toEqual(await tableChecksums(into.reader, 1));
}

/** What stands in the log twice is the same event, or the projection's chain would break. */
function expectOneEventEach(): void {
  const events = world.log.all(world.log.topics.events).map(({ value }) => decodeEvent(value));
  const hashes = new Map<string, Set<string>>();
  for (const { station, sequence, hash } of events) {
    const key = `${station} ${sequence}`;
    hashes.set(key, (hashes.get(key) ?? new Set()).add(hash));
  }
  expect([...hashes].filter(([, some]) => some.size > 1)).toEqual([]);
}

async function rewinds(): Promise<number> {
  const { values } = await metrics.logAnomalies.get();
  return values.find(({ labels }) => labels.kind === "storeRewound")?.value ?? 0;
}

const up = (l: Line) => [l.connected(), l.claimed()];
const tx = (n: number) => ({ meterStart: n, timestamp: new Date(t0 + n * 1_000).toISOString() });
const whole = (l: Line, n: number) => [l.start(tx(n)), l.stop(idOf(tx(n)), { meterStop: n + 5_000 })];

test.each(["with nothing to fold", "in the middle of its work"] as const)(
  "F3, L4: a store that falls back to an earlier state under folds is folded again, %s, and equals a rebuild",
  async (when) => {
    const [a, b] = [new Line("CS1"), new Line("CS2")];
    await fold();
    const projector = await project();
    await world.write(timed([...up(a), ...up(b), ...whole(a, 1)]));
    await quiet();
    const backup = await copyOf();
    await world.write(timed([...whole(b, 2), a.start(tx(3))], t0 + 60_000));
    await quiet();
    await restore(backup);
    if (when === "in the middle of its work") await world.write(timed([b.call("Heartbeat", {})], t0 + 120_000));
    await until("the loss is noticed", async () => (await rewinds()) >= 2);
    await quiet();
    await world.write(timed([a.stop(idOf(tx(3)), { meterStop: 9_000 })], t0 + 180_000));
    await quiet();
    await until("nobody complains", () => running.every((role) => [role.readiness()].flat().every((r) => !r.problem)));
    expect(projector.readiness().note).toBeUndefined();
    expect(await store.reader.selectFrom("session").selectAll().execute()).toHaveLength(3);
    expectOneEventEach();
    await expectRebuilt();
  },
);

test("F3: folds find their way from a store that has lost everything, the registry's history included", async () => {
  const a = new Line("CS1");
  await fold();
  const projector = await project();
  const empty = await copyOf();
  const token = { uid: "T1", type: "RFID", contractId: "C1", valid: true, whitelist: "ALWAYS" } as const;
  await world.put("token", "T1", token);
  await world.write(timed([...up(a), ...whole(a, 1)]));
  const versions = () => store.reader.selectFrom("registry_version").select(["id", "version"]).execute();
  await until("the token is there", async () => (await versions()).length === 1);
  await quiet();
  await restore(empty);
  await until("the losses are noticed", async () => (await rewinds()) >= 3);
  await quiet();
  await until("the token is there again", async () => (await versions()).length === 1);
  await until("nobody complains", () => projector.readiness().problem === undefined);
  expectOneEventEach();
  await expectRebuilt();
});

test.each(["processor", "projector"] as const)(
  "F3: after a loss only the rightful owner goes on as %s; who is not waits, with nothing written, until it is",
  async (role) => {
    const a = new Line("CS1");
    let isOwner = false;
    const owns = async () => isOwner;
    const processor = await fold(role === "processor" ? { owns } : {});
    const projector = await project(role === "projector" ? { owns } : {});
    const problem = () => [(role === "processor" ? processor : projector).readiness()].flat()[0]?.problem;
    await world.write(timed(up(a)));
    await quiet();
    const backup = await copyOf();
    const stood = await nextOf(role);
    await world.write(timed(whole(a, 1), t0 + 60_000));
    await quiet();
    await restore(backup, role);
    await until("the loss is noticed", async () => (await rewinds()) === 1);
    await aMinute();
    expect(await nextOf(role)).toBe(stood);
    expect(problem()).toContain("lost what was committed");
    isOwner = true;
    await quiet();
    await until("it is well", () => problem() === undefined);
    expectOneEventEach();
    await expectRebuilt();
  },
);

/** The same store for a process that is frozen just before its transactions. */
function freezable(): { readonly store: Store; freeze(): void; thaw(): void } {
  let gate = Promise.withResolvers<void>();
  gate.resolve();
  return {
    store: {
      dialect: store.dialect,
      reader: store.reader,
      snapshot: (work) => store.snapshot(work),
      transaction: async (work) => {
        await gate.promise;
        return store.transaction(work);
      },
      write: async (writing) => {
        await gate.promise;
        return store.write(writing);
      },
      migrate: () => store.migrate(),
      close: () => store.close(),
    },
    freeze: () => void (gate = Promise.withResolvers<void>()),
    thaw: () => gate.resolve(),
  };
}

test.each(["processor", "projector"] as const)(
  "F3: a %s whose partition another process has taken further writes nothing until the partition is its own again",
  async (role) => {
    const a = new Line("CS1");
    let isOwner = true;
    const slow = freezable();
    const zombieOptions = { owns: async () => isOwner, store: slow.store };
    const zombie = role === "processor" ? await fold(zombieOptions) : await project(zombieOptions);
    const rest = role === "processor" ? await project() : await fold();
    await world.write(timed(up(a)));
    await quiet();
    slow.freeze();
    await world.write(timed(whole(a, 1), t0 + 60_000));
    isOwner = false;
    const heirOptions = { owns: async () => !isOwner };
    const heir = role === "processor" ? await fold(heirOptions) : await project(heirOptions);
    await quiet();
    const after = await copyOf();
    slow.thaw();
    const problem = () => [zombie.readiness()].flat()[0]?.problem;
    await until("it has stopped", () => problem() !== undefined);
    expect(problem()).toContain("another process");
    await aMinute();
    expect(await copyOf()).toEqual(after);
    expect(await rewinds()).toBe(0);

    await heir.stop();
    running.splice(running.indexOf(heir), 1);
    isOwner = true;
    await world.write(timed([a.start(tx(2))], t0 + 120_000));
    await quiet();
    await until("it is well", () => problem() === undefined);
    expect([rest.readiness()].flat()[0]?.problem).toBeUndefined();
    expectOneEventEach();
    await expectRebuilt();
  },
);

function poisonous(isPoison: (record: FrameRecord) => boolean): StationFold<StationState> {
  return {
    ...ocppFold,
    evolve(state, record, context) {
      if (isPoison(record)) throw new Error("poison");
      return ocppFold.evolve(state, record, context);
    },
  };
}

test.each(["holds nothing", "holds the record", "has released it"] as const)(
  "Q1, Q2, F3: a store falls back to where its quarantine %s: afterwards it says what it said before the loss",
  async (fallsBackTo) => {
    const a = new Line("CS1");
    const poison = poisonous((record) => record.kind === "exchange" && record.action === "StartTransaction");
    const held = (state: string) =>
      until(`the record is ${state}`, async () => {
        const rows = await store.reader.selectFrom("quarantine").select("state").execute();
        return rows[0]?.state === state && (await nextOf("processor")) === length("frames");
      });
    await fold({ fold: poison });
    await world.write(timed(up(a)));
    await folded();
    const backups = new Map([["holds nothing", await copyOf()]]);
    await world.write(timed(whole(a, 1), t0 + 60_000));
    await held("held");
    expect(await store.reader.selectFrom("parked").select("record_offset").execute()).toEqual([{ record_offset: 3 }]);
    backups.set("holds the record", await copyOf());
    const quarantineId = derivedId("quarantine", world.log.topics.frames.name, "0", "2");
    const release = other("CS1").record({ kind: "release", quarantineId, actor: "test" });
    await world.write(timed([release], t0 + 120_000));
    await held("released");
    backups.set("has released it", await copyOf());
    await world.write(timed([a.call("Heartbeat", {})], t0 + 180_000));
    await folded();
    const quarantine = async () => {
      const { quarantine: rows, parked, position, station_state } = Object.fromEntries(await copyOf());
      return { rows, parked, position, station_state };
    };
    const before = await quarantine();
    await restore(backups.get(fallsBackTo)!);
    await until("the loss is noticed", async () => (await rewinds()) === 1);
    await folded();
    await until("the outbox is empty", outboxEmpty);
    expect(await quarantine()).toEqual(before);
    expectOneEventEach();
  },
);
