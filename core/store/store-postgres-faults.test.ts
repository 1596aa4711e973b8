// A PostgreSQL of this file's own, killed, frozen and filled under the store's feet. Nothing is opened anew by hand:
// a store must find back by itself.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from "vitest";

import {
  freezeServer,
  killServer,
  postgresSchema,
  runSql,
  thawServer,
  type PostgresSchema,
} from "../../test/harness/postgres.ts";
import { ownServer, serversForTests, type OwnServer } from "../../tools/servers/ensure.ts";
import type { PostgresServer } from "../../tools/servers/protocol.ts";
import { isWattlogError } from "../runtime/errors.ts";
import { openPostgresStore } from "./store-postgres.ts";
import { positionRow, sessionRow, stateRow } from "./rows.test-helper.ts";
import type { Store } from "./store.ts";

let missing: string | undefined;
let own: OwnServer<PostgresServer>;
let schema: PostgresSchema;
let store: Store;

beforeAll(async () => {
  ({ missing } = await serversForTests(["postgres"]));
  if (missing === undefined) own = await ownServer("postgres");
}, 120_000);

afterAll(async () => {
  if (missing === undefined) await own.end();
});

const quick = { connectMs: 1_000, queueMs: 1_000, statementMs: 1_000, answerMs: 1_500, idleInTransactionMs: 1_000 };

beforeEach(async (context) => {
  if (missing !== undefined) context.skip(missing);
  schema = await postgresSchema(own.server.url);
  store = openPostgresStore({ url: schema.url, limits: quick });
  await store.migrate();
});

afterEach(async () => {
  await store.close();
  await schema.drop();
});

const pid = (): number => own.node("postgres").pid;
const unavailable = (error: unknown): boolean => isWattlogError(error, "store/unavailable");

async function killAndRestart(): Promise<void> {
  await killServer(pid());
  await own.restart("postgres");
  // It listens before it has recovered.
  await runSql(own.server.url, "select 1");
}

async function both(): Promise<{ position: number; state: number }> {
  const position = await store.reader.selectFrom("position").select("next").executeTakeFirst();
  const state = await store.reader.selectFrom("station_state").select("due_at").executeTakeFirst();
  return { position: position?.next ?? 0, state: state?.due_at ?? 0 };
}

function write(next: number): Promise<void> {
  return store.transaction(async (tx) => {
    await tx.upsert("station_state", [stateRow({ due_at: next, state: new Uint8Array(5_000) })]);
    await tx.upsert("position", [positionRow({ next })]);
  });
}

test("Postgres is killed in the middle of a transaction: nothing of it is stored, the next one is", async () => {
  await write(1);
  const torn = store.transaction(async (tx) => {
    await tx.upsert("position", [positionRow({ next: 2 })]);
    await killAndRestart();
    await tx.upsert("station_state", [stateRow({ due_at: 2 })]);
  });
  await expect(torn).rejects.toSatisfy(unavailable);
  expect(await both()).toEqual({ position: 1, state: 1 });
  await write(3);
  expect(await both()).toEqual({ position: 3, state: 3 });
}, 60_000);

test("Postgres is killed under load: what was acknowledged is there, position and state moved together", async () => {
  for (let round = 1; round <= 3; round++) {
    let acknowledged = 0;
    const over = new AbortController();
    const load = (async () => {
      for (let next = round * 100_000; !over.signal.aborted; next++) {
        await write(next).then(
          () => (acknowledged = next),
          (error: unknown) => expect(error).toSatisfy(unavailable),
        );
      }
    })();
    await sleep(200 + Math.random() * 200);
    await killAndRestart();
    over.abort();
    await load;
    const { position, state } = await both();
    expect(state).toBe(position);
    expect(acknowledged).toBeGreaterThan(0);
    // Its commit may have arrived although its answer did not.
    expect(position).toBeGreaterThanOrEqual(acknowledged);
  }
}, 60_000);

test("Postgres is frozen: transactions, reads and snapshots fail within their time-outs; when it wakes all is well", async () => {
  await write(1);
  freezeServer(pid());
  try {
    const started = performance.now();
    const calls = await Promise.allSettled([
      write(2),
      store.reader.selectFrom("position").selectAll().execute(),
      store.snapshot((db) => db.selectFrom("position").selectAll().execute()),
      // More than there are connections: those in the queue do not wait for ever either.
      ...Array.from({ length: 30 }, () => store.reader.selectFrom("session").selectAll().execute()),
    ]);
    expect(performance.now() - started).toBeLessThan(5_000);
    const reasons = calls.map((call) => (call.status === "rejected" ? (call.reason as unknown) : undefined));
    expect(reasons.filter((reason) => !unavailable(reason))).toEqual([]);
  } finally {
    thawServer(pid());
  }
  await write(5);
  expect(await both()).toEqual({ position: 5, state: 5 });
}, 60_000);

test("closing a store whose server is frozen does not hang", async () => {
  const other = openPostgresStore({ url: schema.url, limits: quick });
  await other.reader.selectFrom("position").selectAll().execute();
  freezeServer(pid());
  const pending = other.transaction((tx) => tx.upsert("position", [positionRow()]));
  const started = performance.now();
  await Promise.allSettled([pending, other.close()]);
  thawServer(pid());
  expect(performance.now() - started).toBeLessThan(8_000);
}, 60_000);

/** A process that updates the position and then does nothing, holding the row. */
async function holder(): Promise<{ readonly child: ChildProcess; readonly exit: Promise<unknown> }> {
  const code = `
    const [module, url, row] = process.argv.slice(1);
    const { openPostgresStore } = await import(module);
    const store = openPostgresStore({ url });
    await store.transaction(async (tx) => {
      await tx.upsert("position", [JSON.parse(row)]);
      console.log("holds");
      await new Promise((resolve) => setTimeout(resolve, 600_000));
    });`;
  const module = new URL("./store-postgres.ts", import.meta.url).href;
  const url = new URL(schema.url);
  const settings = `${url.searchParams.get("options")} -c idle_in_transaction_session_timeout=1500`;
  url.searchParams.set("options", settings);
  const args = ["--input-type=module", "-e", code, module, url.href, JSON.stringify(positionRow({ next: 77 }))];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const exit = new Promise((resolve) => child.once("exit", resolve));
  await new Promise((resolve) => child.stdout.once("data", resolve));
  return { child, exit };
}

test("a process that dies or freezes inside a transaction does not keep its rows from the one that takes over", async () => {
  const patient = openPostgresStore({ url: schema.url });
  for (const signal of ["SIGKILL", "SIGSTOP"] as const) {
    const { child, exit } = await holder();
    child.kill(signal);
    const started = performance.now();
    await patient.transaction((tx) => tx.upsert("position", [positionRow({ next: 78 })]));
    expect(performance.now() - started).toBeLessThan(signal === "SIGKILL" ? 1_000 : 5_000);
    expect((await both()).position).toBe(78);
    child.kill("SIGKILL");
    await exit;
  }
  await patient.close();
}, 60_000);

test("a statement that takes too long is ended by the server and says so", async () => {
  const { sql } = await import("kysely");
  const started = performance.now();
  await expect(sql`select pg_sleep(20)`.execute(store.reader)).rejects.toThrow(/took too long for a statement/);
  expect(performance.now() - started).toBeLessThan(4_000);
  await write(1);
}, 30_000);

test("a connection that an administrator ends while nobody uses it is replaced unnoticed", async () => {
  await write(1);
  await runSql(
    own.server.url,
    "select pg_terminate_backend(pid) from pg_stat_activity where application_name = 'wattlog'",
  );
  await sleep(50);
  await write(2);
  expect(await both()).toEqual({ position: 2, state: 2 });
});

test("a full disk is store/full, leaves no trace, and the store recovers when there is room", async (context) => {
  const disk = mkdtempSync(join(tmpdir(), "wattlog-disk-"));
  const mounted =
    process.getuid?.() === 0 &&
    spawnSync("mount", ["-t", "tmpfs", "-o", "size=12m,mode=0777", "tmpfs", disk]).status === 0;
  if (!mounted) rmSync(disk, { recursive: true });
  context.skip(!mounted, "needs root and the right to mount a small tmpfs");
  const name = `small_${schema.name}`;
  const small = await (async () => {
    spawnSync("chown", ["nobody", disk]);
    await runSql(own.server.url, `create tablespace ${name} location '${disk}'`);
    const url = new URL(schema.url);
    url.searchParams.set("options", `${url.searchParams.get("options")} -c default_tablespace=${name}`);
    await schema.query(`drop schema ${schema.name} cascade; create schema ${schema.name}`);
    return openPostgresStore({ url: url.href });
  })();
  try {
    await small.migrate();
    const stuff = async (next: number): Promise<void> =>
      small.transaction(async (tx) => {
        await tx.upsert("position", [positionRow({ next })]);
        // Random text, for Postgres presses what repeats itself.
        const noise = () => Array.from({ length: 700 }, () => Math.random().toString(36)).join("");
        const rows = Array.from({ length: 50 }, (_, i) => sessionRow({ id: `${next}-${i}`, annotations: noise() }));
        await tx.upsert("session", rows);
      });
    let next = 0;
    const fill = async (): Promise<void> => {
      for (; next < 1_000; next++) await stuff(next + 1);
    };
    await expect(fill()).rejects.toSatisfy((error) => isWattlogError(error, "store/full"));
    expect((await small.reader.selectFrom("position").select("next").executeTakeFirst())?.next).toBe(next);
    spawnSync("mount", ["-o", "remount,size=64m", disk]);
    await stuff(next + 1);
    expect((await small.reader.selectFrom("position").select("next").executeTakeFirst())?.next).toBe(next + 1);
  } finally {
    await small.close();
    await schema.query(`drop schema ${schema.name} cascade; create schema ${schema.name}`);
    await runSql(own.server.url, `drop tablespace ${name}`).catch(() => undefined);
    spawnSync("umount", ["-l", disk]);
    rmSync(disk, { recursive: true });
  }
}, 60_000);
