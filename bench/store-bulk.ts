// What it costs to keep what was folded: `node bench/store-bulk.ts [frames]`. Bulk upserts by table, then the fold itself
// from frames in memory into a store. SQLite and PostgreSQL side by side, CPU of this process and of the server apart.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { logKey } from "../core/ids/ids.ts";
import { encodeRecord } from "../core/records/codec.ts";
import type { FrameRecord } from "../core/records/frame-record.ts";
import { RegistryView } from "../core/registry/view.ts";
import { packReadings } from "../core/store/meter-values.ts";
import { openPostgresStore } from "../core/store/store-postgres.ts";
import { openSqliteStore } from "../core/store/store-sqlite.ts";
import type { Store } from "../core/store/store.ts";
import type {
  MeterValueRow,
  ReadingRow,
  SessionRow,
  StationStateRow,
  TableName,
  Tables,
} from "../core/store/tables.ts";
import { MemoryLog } from "../processors/memory-log.test-helper.ts";
import { refold } from "../processors/refold.ts";
import { idOf, Line } from "../processors/station.test-helper.ts";
import { postgresSchema } from "../test/harness/postgres.ts";
import { ownServer } from "../tools/servers/ensure.ts";
import { cpuMicrosOf } from "./load/process-tree.ts";

const frames = Number(process.argv[2] ?? 100_000);
const stations = 1_000;
const batchRows = 4_096;
const rounds = 12;

interface Cost {
  readonly seconds: number;
  readonly client: number;
  readonly server: number;
}

async function costOf(server: number | undefined, work: () => Promise<void>): Promise<Cost> {
  const [started, client, before] = [
    performance.now(),
    process.cpuUsage(),
    server === undefined ? 0 : cpuMicrosOf(server) / 1e6,
  ];
  await work();
  const used = process.cpuUsage(client);
  return {
    seconds: (performance.now() - started) / 1_000,
    client: (used.user + used.system) / 1e6,
    server: server === undefined ? 0 : cpuMicrosOf(server) / 1e6 - before,
  };
}

function line(name: string, count: number, unit: string, { seconds, client, server }: Cost): void {
  const each = (s: number): string => `${((s / count) * 1e6).toFixed(1)} µs`.padStart(9);
  const rate = `${Math.round(count / seconds).toLocaleString("en")} ${unit}/s`;
  const perCore = `${Math.round(count / client).toLocaleString("en")} a core-second`;
  console.log(
    `  ${name.padEnd(26)} ${rate.padStart(20)} ${perCore.padStart(24)}   client ${each(client)}  server ${each(server)}`,
  );
}

const noise = (bytes: number): Uint8Array => Uint8Array.from({ length: bytes }, (_, i) => (i * 31) % 251);

const at = 1_700_000_000_000;
const readings = noise(60);
const reading = {
  at,
  measurand: "Energy.Active.Import.Register",
  context: "Sample.Periodic",
  phase: null,
  location: null,
  unit: "Wh",
  value: "12345.678",
  energyMwh: 12_345_678,
};
const state = noise(600);

const sessionId = (i: number): string => `0305900e-74ea-5d3f-8ea0-${String(i).padStart(12, "0")}`;

/** As the folds write them: states change in place, readings and values are new each time. */
const shapes: { readonly [Name in TableName]?: (i: number, round: number) => Tables[Name] } = {
  station_state: (i, round): StationStateRow => ({
    table_set: 1,
    partition: 0,
    party: "DEABC",
    station: `station-${i}`,
    node_id: "",
    due_at: i % 3 ? null : at + round,
    state,
  }),
  session: (i, round): SessionRow => ({
    table_set: 1,
    partition: 0,
    id: sessionId(i),
    party: "DEABC",
    station: `station-${i % stations}`,
    evse_id: 1,
    connector_id: 1,
    transaction_id: "7",
    id_token: "RFID-1",
    status: "active",
    started_at: at,
    ended_at: null,
    energy_mwh: round,
    meter_start_mwh: 0,
    meter_stop_mwh: null,
    state: null,
    stop_reason: null,
    cdr_id: null,
    cdr_reason: "settling",
    currency: null,
    cost_excl_vat: null,
    cost_incl_vat: null,
    annotations: "[]",
    last_updated: at + round,
  }),
  reading: (i, round): ReadingRow => ({
    table_set: 1,
    partition: 0,
    session_id: sessionId(i % stations),
    record_offset: round * batchRows + i,
    log_time: at,
    readings,
  }),
  meter_value: (i, round): MeterValueRow => ({
    table_set: 1,
    partition: 0,
    session_id: sessionId(i % stations),
    sequence: round * batchRows + i,
    party: "DEABC",
    count: 2,
    readings: packReadings([reading, reading]),
    last_updated: at,
  }),
};

async function tables(store: Store, server: number | undefined): Promise<void> {
  for (const [table, row] of Object.entries(shapes) as [TableName, (i: number, round: number) => Tables[TableName]][]) {
    const batches = Array.from({ length: rounds }, (_none, round) =>
      Array.from({ length: batchRows }, (_, i) => row(i, round)),
    );
    await store.transaction((tx) => tx.upsert(table, batches[0]!));
    const cost = await costOf(server, async () => {
      for (const rows of batches.slice(1)) await store.transaction((tx) => tx.upsert(table, rows));
    });
    line(`upsert ${table}`, (rounds - 1) * batchRows, "rows", cost);
  }
}

/** Each station is charging and sends a meter value a minute. */
async function fleet(): Promise<MemoryLog> {
  const log = new MemoryLog();
  log.logTime = at;
  const lines = Array.from({ length: stations }, (_, i) => new Line(`station-${i}`));
  const append = (records: readonly FrameRecord[]) =>
    log.append(
      log.topics.frames,
      0,
      records.map((record) => ({ key: logKey(record.party, record.station), value: encodeRecord(record) })),
    );
  await append(lines.flatMap((one) => [one.connected(), one.claimed(), one.start()]));
  for (let minute = 1; minute * stations <= frames; minute++) {
    log.logTime += 60_000;
    await append(lines.map((one) => one.meter(idOf(), String(minute * 100), minute)));
  }
  return log;
}

async function fold(log: MemoryLog, store: Store, server: number | undefined): Promise<void> {
  const registry = new RegistryView(log);
  await registry.start();
  const end = log.all(log.topics.frames).length;
  const to = (upTo: number): Promise<unknown> =>
    refold({ log, registry, into: store, partitions: [0], upTo: new Map([[0, upTo]]), holds: [], keepEvents: true });
  // The first batches warm the code and hold the fleet's starts.
  const warm = Math.floor(end / 4);
  await to(warm);
  line("fold MeterValues", end - warm, "frames", await costOf(server, async () => void (await to(end))));
  await registry.stop();
}

async function main(): Promise<void> {
  const log = await fleet();
  const folder = mkdtempSync(join(process.env["WATTLOG_BENCH_FOLDER"] ?? tmpdir(), "wattlog-store-bulk-"));
  const own = await ownServer("postgres");
  const schema = await postgresSchema(own.server.url);
  try {
    for (const [name, store, server] of [
      ["SQLite", openSqliteStore(folder), undefined],
      ["PostgreSQL", openPostgresStore({ url: schema.url }), own.node("postgres").pid],
    ] as const) {
      console.log(`${name}, ${batchRows} rows a transaction, ${stations} stations, ${frames} frames`);
      await store.migrate();
      await tables(store, server);
      await store.transaction(async (tx) => {
        for (const table of ["station_state", "reading", "session", "meter_value"] as const)
          await tx.db.deleteFrom(table).execute();
      });
      await fold(log, store, server);
      await store.close();
    }
  } finally {
    await own.end();
    rmSync(folder, { recursive: true });
  }
}

await main();
