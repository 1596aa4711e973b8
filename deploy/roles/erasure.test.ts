// Whoever charged can be erased (reliability.md, "Erasure"): rows and events are sealed under a key of theirs, the key goes, and
// live and rebuilt rows are alike, with energy, times and money as they were.
import { copyFileSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

import { EmbeddedBusHub } from "../../core/bus/bus-embedded.ts";
import { trusted } from "../../core/ids/ids.ts";
import { keysPath, openSqliteKeyStore } from "../../core/privacy/key-store-sqlite.ts";
import { openingStore } from "../../core/privacy/opening-store.ts";
import { OpeningLog, SealingLog } from "../../core/privacy/sealing-log.ts";
import { Sealing } from "../../core/privacy/sealing.ts";
import { silentLogger } from "../../core/runtime/logger.ts";
import { createMetrics } from "../../core/runtime/metrics.ts";
import { checksumTables } from "../../core/store/checksum.ts";
import { createExplainer } from "../../processors/explain/explain.ts";
import { told } from "../../processors/reports/reports.test-helper.ts";
import { idOf, Line, party } from "../../processors/station.test-helper.ts";
import { createApi, type Api } from "../../projections/rest/api.ts";
import { nextBlock } from "../../projections/rest/cdr-chain.ts";
import { compareWithRebuild } from "./compare.ts";
import { rebuild } from "./rebuild.ts";
import { RebuildWorld, up } from "./rebuild-world.test-helper.ts";

const uid = "04A2B7C9D1E280";
const stranger = "04FFEEDDCCBB80";
const adminToken = "admin-token-of-the-test";
const secret = "a secret of more than thirty-two characters";

let folder: string;
let world: RebuildWorld;
let keys: ReturnType<typeof openSqliteKeyStore>;
let sealing: Sealing;
let api: Api;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "wattlog-erasure-"));
  world = await RebuildWorld.open();
  const component = { type: "ENERGY" as const, price: 0.5, vat: 20, step_size: 1 };
  await world.world.put("tariff", "T", { id: "T", currency: "EUR", elements: [{ price_components: [component] }] });
  await world.world.put("setting", "defaultTariffId", { id: "defaultTariffId", value: "T" });
  const token = { uid, type: "RFID", contractId: "C", valid: true, whitelist: "ALWAYS" } as const;
  await world.world.put("token", uid.toLowerCase(), token);
  open();
  world.toWrite = (log) => new SealingLog(log, sealing);
  await world.start();
  api = serve();
  await api.app.ready();
});

afterEach(async () => {
  await api.stop();
  await world.end();
  await keys.close();
  rmSync(folder, { recursive: true, force: true });
});

/** As a process that starts now has it. */
function open(): void {
  const { registry } = world;
  keys = openSqliteKeyStore(folder);
  sealing = new Sealing({ keys, secret, registry });
}

function serve(): Api {
  const { registry, clock } = world;
  const log = new OpeningLog(world.world.log, sealing);
  const store = openingStore(world.store, sealing);
  return createApi({
    options: { host: "127.0.0.1", port: 0, party },
    log,
    store,
    registry,
    clock,
    sealing,
    adminToken,
    bus: new EmbeddedBusHub().client(),
    nodeId: trusted.node("api"),
    metrics: createMetrics(),
    logger: silentLogger(),
    explainer: createExplainer({ log, store, registry }),
  });
}

async function call(method: "GET" | "POST", url: string, payload?: object) {
  const headers = { authorization: `Bearer ${adminToken}` };
  const answer = await api.app.inject({ method, url, headers, ...(payload && { payload }) });
  return { status: answer.statusCode, text: answer.body, body: JSON.parse(answer.body) as Record<string, unknown> };
}

interface Item {
  readonly id: string;
  readonly idToken: string | null;
  readonly payload?: unknown;
}

const items = async (url: string) => (await call("GET", url)).body["items"] as readonly Item[];
const who = async () => new Set((await items("/api/v1/sessions")).map(({ idToken }) => idToken));

async function charge(idTag: string, station: string, hour: number): Promise<void> {
  const line = new Line(station);
  line.registry = { generation: 1, offset: 3 };
  const start = { idTag, timestamp: new Date(Date.UTC(2023, 10, 14, hour)).toISOString() };
  const accepted = { status: "Accepted" };
  await world.write([
    ...up(line),
    ...told(line, "RemoteStartTransaction", { connectorId: 1, idTag }, accepted),
    ...told(
      line,
      "ReserveNow",
      { connectorId: 1, expiryDate: "2030-01-01T00:00:00Z", idTag, reservationId: 7 },
      accepted,
    ),
    line.start(start),
    line.stop(idOf(start), { idTag }),
  ]);
  await world.quiet();
}

/** Everything that was folded out of events, as it lies on the disk, and the events themselves. */
async function atRest(): Promise<string> {
  const tables = ["session", "cdr", "cdr_review", "command", "station_document", "meter_value"] as const;
  const rows = await Promise.all(tables.map((table) => world.store.reader.selectFrom(table).selectAll().execute()));
  const { log } = world.world;
  const events = log.all(log.topics.events).map(({ value }) => Buffer.from(value).toString("latin1"));
  expect(rows.map((some) => some.length > 0)).toEqual([true, true, false, true, true, false]);
  return `${JSON.stringify(rows)}${events.join("\n")}`;
}

const erase = (token: string) => call("POST", "/api/v1/privacy/erasures", { token });
const without = (all: readonly Item[]) => all.map((item) => ({ ...item, idToken: null }));
const derived = async () => [...(await world.liveSums())].filter(([table]) => table !== "registry_version");

test("who charged is in no row and no event, and is shown all the same; a search by it finds it", async () => {
  await charge(uid, "CS1", 20);
  expect(await atRest()).not.toContain(uid);
  expect(await who()).toEqual(new Set([uid]));
  expect((await items(`/api/v1/sessions?idToken=${uid}`)).length).toBe(1);
  expect((await items("/api/v1/cdrs"))[0]?.idToken).toBe(uid);
  const commands = await items("/api/v1/commands");
  expect(commands.map(({ payload }) => (payload as { idTag: string }).idTag)).toEqual([uid, uid]);
  expect((await call("GET", "/api/v1/stations/CS1/reservations")).text).toContain(uid);
  // The relay's events against a fold of the frames, which say who it was.
  const store = { ...world.tools.store, dialect: world.store.dialect, reader: world.store.reader };
  const snapshot: typeof world.store.snapshot = (work) => world.store.snapshot(work);
  const compared = await compareWithRebuild({
    source: {
      scratchIn: folder,
      openLog: async () => world.world.log,
      openStore: async () => ({ ...store, snapshot, close: async () => {} }),
      openStoreToWrite: () => Promise.reject(new Error("it only compares")),
    },
  });
  expect(compared.problems).toEqual([]);
});

test("after an erasure nobody knows who charged, and energy, times, money, chain and rows are as they were", async () => {
  await charge(uid, "CS1", 20);
  await charge(stranger, "CS2", 21);
  const block = (await nextBlock(world.store.reader, party, undefined, Number.MAX_SAFE_INTEGER))!;
  await world.world.put("cdrChain", party, block);
  await world.until("the block is known", () => world.registry.find(party, "cdrChain", party) !== undefined);
  const [sessions, cdrs, sums] = [await items("/api/v1/sessions"), await items("/api/v1/cdrs"), await derived()];

  const { status, body } = await erase(uid);
  expect(status).toBe(201);
  expect(body).toMatchObject({ sessions: 1, activeSessions: 0, unsealedSessions: 0, wasRegistered: true, by: "admin" });

  expect(await who()).toEqual(new Set([stranger, "erased"]));
  expect(without(await items("/api/v1/sessions"))).toEqual(without(sessions));
  expect(without(await items("/api/v1/cdrs"))).toEqual(without(cdrs));
  expect(await derived()).toEqual(sums);
  expect((await call("GET", "/api/v1/cdrs/chain")).body).toMatchObject({ cdrs: 2, broken: null });
  expect((await call("GET", "/api/v1/commands")).text).not.toContain(uid);
  expect((await call("GET", "/api/v1/stations/CS1/reservations")).text).not.toContain(uid);
  const gone = (await items("/api/v1/sessions")).find(({ idToken }) => idToken === "erased")!;
  const explained = await call("GET", `/api/v1/sessions/${gone.id}/explain`);
  expect(explained.body).toMatchObject({ agrees: true, differences: [], session: { idToken: "erased" } });
  expect(explained.text).not.toContain(uid);
  expect((await call("GET", "/api/v1/tokens")).body["items"]).toEqual([]);
  expect(await items("/api/v1/privacy/erasures")).toMatchObject([{ id: body["id"], by: "admin" }]);
  expect((await erase(uid)).status).toBe(404);
});

test("B1, L4: rows that are rebuilt after an erasure are the live ones", async () => {
  await charge(uid, "CS1", 20);
  await charge(stranger, "CS2", 21);
  await erase(uid);
  const before = await items("/api/v1/sessions");
  const rebuilt = await rebuild(world.tools);
  expect(rebuilt.tables.map(({ table, equal }) => [table, equal])).toEqual(
    [...checksumTables, "registry_version"].map((table) => [table, true]),
  );
  expect(await world.setOf("projector")).toBe(2);
  expect(await items("/api/v1/sessions")).toEqual(before);
  expect(await who()).toEqual(new Set([stranger, "erased"]));
});

test("a backup of the keys does not bring anybody back, and who charges again is somebody new", async () => {
  await charge(uid, "CS1", 20);
  copyFileSync(keysPath(folder), join(folder, "backup"));
  await erase(uid);
  await api.stop();
  await world.stop();
  await keys.close();
  copyFileSync(join(folder, "backup"), keysPath(folder));
  open();
  await world.start();
  api = serve();
  await api.app.ready();
  expect(await who()).toEqual(new Set(["erased"]));
  expect(await sealing.find(party, uid)).toBeDefined();
  await sealing.purge();
  expect(await sealing.find(party, uid)).toBeUndefined();

  await charge(uid, "CS1", 22);
  expect(await who()).toEqual(new Set([uid, "erased"]));
  expect(await atRest()).not.toContain(uid);
});
