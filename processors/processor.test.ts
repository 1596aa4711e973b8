import { afterEach, beforeEach, expect, test } from "vitest";

import type { BusMessage, CommandBus } from "../core/bus/bus.ts";
import { derivedId, logKey, newCommandId, trusted, type NodeId } from "../core/ids/ids.ts";
import { decodeRecord, encodeRecord, kindNumbers } from "../core/records/codec.ts";
import { decodeEvent } from "../core/records/domain-event.ts";
import type { FrameRecord } from "../core/records/frame-record.ts";
import { pack, unpack } from "../core/records/msgpack.ts";
import type { RegistryView } from "../core/registry/view.ts";
import { FakeClock } from "../core/runtime/clock.ts";
import { WattlogError } from "../core/runtime/errors.ts";
import { silentLogger } from "../core/runtime/logger.ts";
import { createMetrics, type Metrics } from "../core/runtime/metrics.ts";
import type { Store } from "../core/store/store.ts";
import type { StationFold } from "./engine/station-fold.ts";
import { foldInto, t0, tablesOf, timed, World } from "./folding.test-helper.ts";
import { ocppFold, type StationState } from "./ocpp-fold.ts";
import { createProcessor, type Processor } from "./processor.ts";
import { refold } from "./refold.ts";
import { idOf, Line, nodeA, nodeB, other, party, register } from "./station.test-helper.ts";

let world: World;
let store: Store;
let registry: RegistryView;
let clock: FakeClock;
let running: Processor[];
let woken: { to: NodeId; message: BusMessage }[];

beforeEach(async () => {
  world = new World();
  store = await world.store();
  registry = await world.view();
  clock = new FakeClock(t0);
  running = [];
  woken = [];
});

afterEach(async () => {
  for (const processor of running) await processor.stop();
  await registry.stop();
  await world.end();
});

const bus: CommandBus = {
  claim: () => Promise.resolve("current"),
  release: () => Promise.resolve(),
  owner: () => Promise.resolve(undefined),
  send: (to, message) => {
    woken.push({ to, message });
    return Promise.resolve(true);
  },
  listen: () => Promise.resolve(() => Promise.resolve()),
  nodes: () => Promise.resolve([]),
  close: () => Promise.resolve(),
};

interface Options {
  readonly fold?: StationFold<StationState>;
  readonly isNodeLost?: (nodeId: NodeId) => boolean;
  readonly lostLookMs?: number;
  readonly store?: Store;
  readonly metrics?: Metrics;
}

async function start(options: Options = {}): Promise<Processor> {
  const processor = createProcessor({
    log: world.log,
    store,
    bus,
    registry,
    clock,
    nodeId: trusted.node("me"),
    metrics: createMetrics(),
    logger: silentLogger(),
    ...options,
  });
  running.push(processor);
  await processor.start();
  return processor;
}

const frames = () => world.log.all(world.log.topics.frames);
const events = () => world.log.all(world.log.topics.events).map((r) => decodeEvent(r.value));
const kinds = () => frames().map((r) => decodeRecord(r.value).kind);

/** On PostgreSQL too, beside whatever else the machine does. */
const patienceMs = 30_000;

async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (const end = performance.now() + patienceMs; performance.now() < end;) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  throw new Error("it did not come about");
}

const caughtUp = (processor: Processor) => () => processor.progress().every(({ next }) => next === frames().length);
const outboxEmpty = async () => (await store.reader.selectFrom("outbox").select("sequence").execute()).length === 0;

async function quiet(processor: Processor): Promise<void> {
  await until(async () => caughtUp(processor)() && (await outboxEmpty()));
}

const line = () => new Line("CS1");
const up = (l: Line) => [l.connected(), l.claimed()];

function poison(isPoison: (record: FrameRecord) => boolean): StationFold<StationState> {
  return {
    ...ocppFold,
    evolve(state, record, context) {
      const after = ocppFold.evolve(state, record, context);
      if (isPoison(record)) throw new Error("poison");
      return after;
    },
  };
}

const isStart = (r: FrameRecord) => r.kind === "exchange" && r.action === "StartTransaction";

test("F6: events leave in order, with an unbroken chain, and the outbox is empty after that", async () => {
  const l = line();
  await world.write(timed([...up(l), l.start(), l.stop(idOf())]));
  const processor = await start();
  await quiet(processor);
  expect(events().map((e) => e.body.kind)).toEqual([
    "stationOnline",
    "sessionStarted",
    "sessionUpdated",
    "sessionEnded",
    "cdrIssued",
  ]);
  expect(events().map((e) => e.sequence)).toEqual([1, 2, 3, 4, 5]);
  expect(processor.progress()).toEqual([{ partition: 0, next: 4, end: 4 }]);
  expect(processor.readiness()).toEqual([{ name: "fold of partition 0", problem: undefined }]);
});

test("F6: an append that is refused though it was stored is repeated with the same ids", async () => {
  const l = line();
  await world.write(timed(up(l)));
  world.log.refuse.push("stored", "lost");
  const processor = await start();
  await until(() => processor.readiness()[0]?.problem !== undefined);
  await until(async () => {
    clock.advance(1_000);
    return outboxEmpty();
  });
  const sent = events();
  expect(new Set(sent.map((e) => `${e.sequence} ${e.hash} ${e.cause}`)).size).toBe(1);
  expect(sent.length).toBeGreaterThan(1);
});

test("F3: a restart goes on exactly where the position stands, and the tables are those of one run", async () => {
  const l = line();
  const steps = timed([...up(l), l.start(), l.meter(idOf(), "2000", 1), l.stop(idOf())]);
  await world.write(steps.slice(0, 3));
  const first = await start();
  await quiet(first);
  await first.drain();
  await first.stop();
  await world.write(steps.slice(3));
  await quiet(await start());
  const whole = await tablesOf(await foldInto(world, [100]), ["position", "station_state", "reading", "frame_index"]);
  expect(await tablesOf(store, ["position", "station_state", "reading", "frame_index"])).toEqual(whole);
});

test("F3: whoever finds that another process moved the position stops, and says so", async () => {
  const l = line();
  await world.write(timed(up(l)));
  const processor = await start();
  await quiet(processor);
  await store.transaction(async (tx) => {
    await tx.db.updateTable("position").set({ next: 77 }).execute();
  });
  await world.write(timed([l.call("Heartbeat", {})]));
  await until(() => processor.readiness()[0]?.problem !== undefined);
  expect(processor.readiness()[0]?.problem).toContain("another process");
});

test("F3: a store that does not belong to the log is refused at the start", async () => {
  const l = line();
  await world.write(timed(up(l)));
  const processor = await start();
  await quiet(processor);
  await processor.stop();
  await store.transaction(async (tx) => {
    await tx.db.updateTable("position").set({ fingerprint: "0000000000000000" }).execute();
  });
  const second = await start();
  await until(() => second.readiness()[0]?.problem !== undefined);
  expect(second.readiness()[0]?.problem).toContain("do not belong together");
});

test("F8: a record of an unknown version pauses the partition behind everything before it, pages, is never quarantined, and is folded once it can be read", async () => {
  const l = line();
  await world.write(timed([...up(l), l.start()]));
  const [version, ...fields] = unpack(encodeRecord(l.stop(idOf()))) as unknown[];
  await world.log.append(world.log.topics.frames, 0, [{ key: logKey(party, l.station), value: pack([99, ...fields]) }]);
  await world.write(timed([l.call("Heartbeat", {})], t0 + 60_000));
  const metrics = createMetrics();
  const processor = await start({ metrics });
  await until(() => processor.readiness()[0]?.problem !== undefined);
  expect(processor.progress()[0]?.next).toBe(3);
  expect(processor.readiness()[0]?.problem).toContain("version 99");
  const anomalies = async () =>
    (await metrics.logAnomalies.get()).values.find((v) => v.labels.kind === "unknownRecord");
  expect((await anomalies())?.value).toBeGreaterThan(0);
  expect(await store.reader.selectFrom("quarantine").selectAll().execute()).toEqual([]);
  expect(events().map((e) => e.body.kind)).not.toContain("sessionEnded");
  expect(kindNumbers.exchange).toBe(4);

  // The upgrade: the same record, to a process that reads it.
  const [record] = frames().splice(3, 1, { ...frames()[3]!, value: pack([version, ...fields]) });
  expect(record?.offset).toBe(3);
  await until(() => {
    clock.advance(1_000);
    return caughtUp(processor)();
  });
  await quiet(processor);
  expect(events().map((e) => e.body.kind)).toContain("sessionEnded");
  expect(processor.readiness()[0]?.problem).toBeUndefined();
  expect(await store.reader.selectFrom("quarantine").selectAll().execute()).toEqual([]);
});

test("Q1: bytes that are no record are one quarantine row, and the neighbours go on", async () => {
  const l = line();
  await world.write(timed([l.connected()]));
  await world.log.append(world.log.topics.frames, 0, [
    { key: logKey(party, l.station), value: new Uint8Array([1, 2, 3]) },
  ]);
  await world.write(timed([l.claimed()]));
  await quiet(await start());
  expect(await store.reader.selectFrom("quarantine").selectAll().execute()).toMatchObject([
    { stage: "decode", station: "CS1", record_offset: 1, state: "held" },
  ]);
  expect(events().map((e) => e.body.kind)).toEqual(["stationOnline"]);
});

test("Q1: a poison Start holds its transaction and nothing else; redrive folds what was held, in order", async () => {
  const l = line();
  const more = { connectorId: 2, meterStart: 7 };
  await world.write(
    timed([
      ...up(l),
      l.start(),
      l.meter(idOf(), "2000", 1),
      l.start(more),
      l.stop(idOf()),
      l.stop(idOf(more), { meterStop: 107 }),
    ]),
  );
  const first = await start({ fold: poison((r) => isStart(r) && r.sequence === 2) });
  await quiet(first);
  const [row] = await store.reader.selectFrom("quarantine").selectAll().execute();
  expect(row).toMatchObject({
    id: derivedId("quarantine", "ocpp.frames.g1", "0", "2"),
    stage: "fold",
    transaction_key: String(idOf()),
    reason: "poison",
    state: "held",
  });
  expect(
    (await store.reader.selectFrom("parked").select("record_offset").execute()).map((r) => r.record_offset),
  ).toEqual([3, 5]);
  expect(events().filter((e) => e.body.kind === "cdrIssued")).toHaveLength(1);
  await first.stop();

  // The next version can fold it.
  const second = await start();
  await world.write(timed([other("CS1").record({ kind: "redrive", quarantineId: row!.id, actor: "t" })], t0 + 60_000));
  await quiet(second);
  expect(events().filter((e) => e.body.kind === "cdrIssued")).toHaveLength(2);
  expect(await store.reader.selectFrom("quarantine").select(["state", "until_offset"]).execute()).toEqual([
    { state: "redriven", until_offset: 7 },
  ]);
  const position = await store.reader.selectFrom("position").selectAll().executeTakeFirstOrThrow();
  expect(position).toMatchObject({ applied: 8, skipped: 0, quarantined: 0, parked: 0, next: 8 });

  // Rule L4 with Q2: a rebuild holds the same, as long.
  const holds = await store.reader.selectFrom("quarantine").selectAll().execute();
  const into = await world.store();
  await refold({ log: world.log, registry, into, partitions: [0], upTo: new Map([[0, 8]]), holds });
  const compared = ["position", "station_state", "reading", "frame_index", "quarantine", "parked"] as const;
  expect(await tablesOf(into, compared)).toEqual(await tablesOf(store, compared));
});

test("Q2: release leaves the record out and lets what waited behind it go on", async () => {
  const l = line();
  await world.write(timed([...up(l), l.start(), l.stop(idOf(), { meterStop: 5000 })]));
  const processor = await start({ fold: poison(isStart) });
  await quiet(processor);
  const id = derivedId("quarantine", "ocpp.frames.g1", "0", "2");
  await world.write(timed([other("CS1").record({ kind: "release", quarantineId: id, actor: "t" })], t0 + 60_000));
  await quiet(processor);
  expect(events().find((e) => e.body.kind === "sessionStarted")?.body).toMatchObject({ annotations: ["startMissing"] });
  expect(await store.reader.selectFrom("parked").selectAll().execute()).toEqual([]);
});

test("Q1: what the gateway could not understand is kept, counted, and folded by a redrive once it can be read", async () => {
  const l = new Line("CS1", "ocpp2.0.1");
  const before = up(l);
  const good = l.event("Started", "T9", 0, register(10, "Transaction.Begin"));
  if (good.kind !== "exchange") throw new Error("no exchange");
  const quarantined = l.record({
    kind: "quarantined",
    protocol: "ocpp2.0.1",
    reason: "notJson",
    bytes: good.call,
    answer: null,
  });
  await world.write(timed([...before, quarantined]));
  const processor = await start();
  await quiet(processor);
  const [row] = await store.reader.selectFrom("quarantine").selectAll().execute();
  expect(row).toMatchObject({ stage: "gateway", reason: "notJson", state: "held" });
  await world.write(timed([other("CS1").record({ kind: "redrive", quarantineId: row!.id, actor: "t" })], t0 + 60_000));
  await quiet(processor);
  expect(events().some((e) => e.body.kind === "sessionStarted")).toBe(true);
});

test("Q2: a store that is away pauses the partition and nothing is quarantined", async () => {
  const l = line();
  await world.write(timed([...up(l), l.start()]));
  let failures = 3;
  const flaky: Store = {
    dialect: store.dialect,
    reader: store.reader,
    snapshot: (work) => store.snapshot(work),
    transaction: (work) => store.transaction(work),
    write: (writing) =>
      failures-- > 0
        ? Promise.reject(new WattlogError("store/unavailable", "the store is away"))
        : store.write(writing),
    migrate: () => store.migrate(),
    close: () => store.close(),
  };
  const processor = await start({ store: flaky });
  await until(() => processor.readiness()[0]?.problem === "the store is away");
  await until(async () => {
    clock.advance(1_000);
    return caughtUp(processor)();
  });
  await quiet(processor);
  expect(processor.readiness()[0]?.problem).toBeUndefined();
  expect(await store.reader.selectFrom("quarantine").selectAll().execute()).toEqual([]);
});

test("T2: a CDR that waits is made by a tick at its time, and an idle system writes nothing", async () => {
  const [first, second] = [line(), line()];
  await world.write(timed([...up(first), first.start(), first.disconnected(), ...up(second), second.stop(idOf())]));
  const processor = await start();
  await quiet(processor);
  const before = frames().length;
  clock.advance(14 * 60_000);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(frames().length).toBe(before);
  world.log.logTime = t0 + 17 * 60_000;
  clock.advance(2 * 60_000);
  await until(() => frames().length > before);
  await quiet(processor);
  expect(kinds().slice(before)).toEqual(["tick"]);
  expect(events().at(-1)?.body.kind).toBe("cdrIssued");
  clock.advance(3 * 24 * 3_600_000);
  await new Promise((resolve) => setTimeout(resolve, 20));
  expect(frames().length).toBe(before + 1);
});

test("T2: timers are known again after a restart", async () => {
  const l = line();
  await world.write(timed([...up(l), l.stop(4711)]));
  const first = await start();
  await quiet(first);
  await first.stop();
  const second = await start();
  await quiet(second);
  clock.advance(20 * 60_000);
  await until(() => events().some((e) => e.body.kind === "cdrIssued"));
  expect(kinds().at(-1)).toBe("tick");
});

test("T3: at an embedded start the nodes of earlier runs are lost, once and by record; a living one's stations stay", async () => {
  const [a, b] = [new Line("CS1"), new Line("CS2")];
  await world.write(timed([a.connected(nodeA), a.claimed(), b.connected(nodeB), b.claimed()]));
  const processor = await start({ isNodeLost: (nodeId) => nodeId !== nodeB });
  await until(() => kinds().includes("nodeLost"));
  await quiet(processor);
  expect(
    events()
      .filter((e) => e.body.kind === "stationOffline")
      .map((e) => e.station),
  ).toEqual(["CS1"]);
  expect(kinds().filter((kind) => kind === "nodeLost")).toHaveLength(1);
});

test("T3: a loss that the log was away for is not told of a node that came back, and is told when the node goes again", async () => {
  await world.write(timed(up(line())));
  let asked = 0;
  let isLost = false;
  const processor = await start({ lostLookMs: 1_000, isNodeLost: () => (asked++, isLost) });
  await quiet(processor);
  world.log.refuse.push("lost");
  isLost = true;
  clock.advance(1_000);
  await until(() => world.log.refuse.length === 0);
  isLost = false;
  const before = asked;
  await until(() => (clock.advance(100), asked > before + 2));
  expect(kinds()).not.toContain("nodeLost");
  isLost = true;
  await until(() => (clock.advance(100), kinds().includes("nodeLost")));
});

test("T3: of a station that moved twice both nodes are looked after, so that its end is not its old connection's comeback", async () => {
  const [old, young] = [line(), new Line("CS1")];
  await world.write(timed([old.connected(nodeA), old.claimed(), young.connected(nodeB), young.claimed()]));
  const processor = await start({ isNodeLost: (nodeId) => nodeId === nodeA });
  await until(() => kinds().includes("nodeLost"));
  await quiet(processor);
  await world.write(timed([young.disconnected()]));
  await quiet(processor);
  expect(events().map((e) => e.body.kind)).toEqual(["stationOnline", "stationOnline", "stationOffline"]);
});

test("C1, C2: a keyed command wakes its node after the commit; a queued one is bound by record when a station comes", async () => {
  const l = line();
  const ids = [newCommandId(), newCommandId()];
  const request = (index: number, queued: boolean) =>
    other("CS1").record({
      kind: "commandRequested",
      commandId: ids[index]!,
      connectionId: queued ? null : l.id,
      protocol: "ocpp1.6",
      action: "Reset",
      payload: new TextEncoder().encode("{}"),
      timeoutMs: 30_000,
      idempotencyKey: "k",
      queueUntil: queued ? t0 + 3_600_000 : null,
      origin: { via: "rest", actor: "t" },
      replyTo: null,
    });
  await world.write(timed([request(1, true), ...up(l), request(0, false)]));
  const processor = await start();
  await until(() => woken.length === 2);
  await quiet(processor);
  expect(kinds()).toContain("commandBound");
  expect(woken.map(({ to, message }) => [to, message.type === "command" ? message.commandId : ""])).toEqual([
    [nodeA, ids[0]],
    [nodeA, ids[1]],
  ]);
});
