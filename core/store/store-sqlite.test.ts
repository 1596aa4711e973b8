import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { sql } from "kysely";
import { afterEach, beforeEach, expect, test } from "vitest";

import { isWattlogError } from "../runtime/errors.ts";
import { openSqliteStore, openStoreReadOnly } from "./store-sqlite.ts";
import { positionRow, sessionRow, stateRow } from "./rows.test-helper.ts";
import { storeContract, type StoreHarness } from "./store.contract.ts";
import type { Store } from "./store.ts";

async function sqlite(): Promise<StoreHarness> {
  const path = mkdtempSync(join(tmpdir(), "wattlog-store-"));
  let stores: Store[] = [];
  const open = (): Store => {
    const store = openSqliteStore(path);
    stores.push(store);
    return store;
  };
  const closeAll = async (): Promise<void> => {
    await Promise.all(stores.map((store) => store.close()));
    stores = [];
  };
  const first = open();
  return {
    store: first,
    another: async () => open(),
    async restart() {
      await closeAll();
      return open();
    },
    async pretendVersion(version) {
      await first.transaction((tx) => sql`insert into schema_version (version) values (${version})`.execute(tx.db));
    },
    async end() {
      await closeAll();
      rmSync(path, { recursive: true });
    },
  };
}

storeContract("SQLite", sqlite);

const module = new URL("./store-sqlite.ts", import.meta.url).href;
let folder: string;
let store: Store;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "wattlog-store-"));
  store = openSqliteStore(folder);
  await store.migrate();
});

afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

test("a damaged state.db says that the log makes it again, and so it does (promise 3)", async () => {
  const path = mkdtempSync(join(tmpdir(), "wattlog-store-"));
  writeFileSync(join(path, "state.db"), "no database, however long it may be. ".repeat(200));
  expect(() => openSqliteStore(path)).toThrow(/is damaged .* delete state\.db/);
  rmSync(path, { recursive: true });
});

test("what is asked for at one moment is one commit, and what comes within turnMs waits for the next", async () => {
  const paced = openSqliteStore(folder, { turnMs: 150 });
  const next = () => store.reader.selectFrom("position").select("next").executeTakeFirst();
  const seen: unknown[] = [];
  const write = (to: number) =>
    paced.transaction(async (tx) => {
      seen.push((await next())?.next, (await tx.db.selectFrom("position").select("next").executeTakeFirst())?.next);
      await tx.upsert("position", [positionRow({ next: to })]);
    });
  await Promise.all([write(1), write(2)]);
  const from = performance.now();
  await Promise.all([write(3), write(4)]);
  expect(performance.now() - from).toBeGreaterThan(100);
  await paced.close();
  // Outside, inside: nobody sees the first of two before both are there.
  expect(seen).toEqual([undefined, undefined, undefined, 1, 2, 2, 2, 3]);
});

test.each([
  ["by id", "select * from live_session where id = 'x'"],
  ["by station", "select * from live_session where party = 'DEABC' and station = 's' order by started_at desc limit 9"],
  ["by status", "select * from live_session where party = 'DEABC' and status = 'active' order by started_at limit 9"],
  ["changed since", "select * from live_cdr where party = 'DEABC' and last_updated > 5 order by last_updated limit 9"],
  [
    "ended on a day",
    "select * from live_session where party = 'DEABC' and ended_at >= 5 and ended_at < 9 order by ended_at",
  ],
  [
    "held CDRs",
    "select * from live_cdr_review where party = 'DEABC' and state = 'held' order by last_updated desc limit 9",
  ],
  [
    "statuses of stations in a period",
    "select * from live_status_interval where party = 'DEABC' and station in ('s', 't') and to_at > 5 and from_at < 9",
  ],
  ["values of a session", "select * from live_meter_value where session_id = 'x' order by sequence"],
  ["a command", "select * from live_command where id = 'x'"],
  ["a station", "select * from live_station where party = 'DEABC' and station = 's'"],
  ["timers due", "select * from station_state where table_set = 1 and partition = 2 and due_at <= 5 order by due_at"],
  ["of a node", "select * from station_state where table_set = 1 and partition = 2 and node_id = 'n'"],
  ["the outbox", "select * from outbox where table_set = 1 and partition = 2 and sequence > 5 order by sequence"],
])("what is asked for often (%s) is found by an index, without a scan or a sort", async (_name, query) => {
  const plan = await sql<{ detail: string }>`explain query plan ${sql.raw(query)}`.execute(store.reader);
  const details = plan.rows.map(({ detail }) => detail).join("\n");
  expect(details).toContain("SEARCH");
  expect(details).not.toMatch(/SCAN|TEMP B-TREE/);
});

test("a thread that commits back to back does not hold off another", async () => {
  const code = `
    const { workerData, parentPort } = require("node:worker_threads");
    const count = new Int32Array(workerData.counter);
    import(workerData.module).then(async ({ openSqliteStore }) => {
      const store = openSqliteStore(workerData.folder);
      const rows = Array.from({ length: 2000 }, (_, i) => ({ ...workerData.row, station: "busy" + i }));
      for (;;) {
        await store.transaction((tx) => tx.upsert("station_state", rows));
        if (Atomics.add(count, 0, 1) === 0) parentPort.postMessage("writing");
      }
    });`;
  const counter = new SharedArrayBuffer(4);
  const busy = new Worker(code, { eval: true, workerData: { module, folder, row: stateRow(), counter } });
  await new Promise((resolve) => busy.once("message", resolve));
  let mine = 0;
  for (const until = performance.now() + 3000; performance.now() < until; mine++) {
    await store.transaction((tx) => tx.upsert("position", [positionRow({ next: mine })]));
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  const theirs = Atomics.load(new Int32Array(counter), 0);
  await busy.terminate();
  // Measured 0.6-0.8 with the turnstile, 0.02-0.08 without.
  expect(mine / theirs).toBeGreaterThan(0.25);
  // Its thread was ended in the middle of a turn: the locks are free again.
  await store.transaction((tx) => tx.upsert("position", [positionRow({ next: 7 })]));
}, 30_000);

test("two threads write at once; neither loses an update", async () => {
  const code = `
    const { workerData, parentPort } = require("node:worker_threads");
    import(workerData.module).then(async ({ openSqliteStore }) => {
      const store = openSqliteStore(workerData.folder);
      for (let next = 1; next <= 200; next++) {
        const row = { ...workerData.row, next };
        await store.transaction((tx) => tx.upsert("position", [row]));
      }
      await store.close();
      parentPort.postMessage("done");
    });`;
  const rows = [1, 2].map((partition) => positionRow({ partition }));
  const threads = rows.map((row) => new Worker(code, { eval: true, workerData: { module, folder, row } }));
  await Promise.all(
    threads.map(
      (thread) =>
        new Promise((resolve, reject) => {
          thread.once("message", resolve);
          thread.once("error", reject);
        }),
    ),
  );
  const found = await store.reader.selectFrom("position").select("next").execute();
  expect(found.map(({ next }) => next)).toEqual([200, 200]);
}, 30_000);

test("kill -9 in the middle of transactions: position and state moved together", async () => {
  const code = `
    import(process.argv[1]).then(async ({ openSqliteStore }) => {
      const store = openSqliteStore(process.argv[2]);
      const [position, state] = JSON.parse(process.argv[3]);
      for (let next = 1; ; next++) {
        await store.transaction(async (tx) => {
          await tx.upsert("station_state", [{ ...state, due_at: next, state: new Uint8Array(5000) }]);
          await tx.upsert("position", [{ ...position, next }]);
        });
        if (next % 50 === 0) console.log(next);
      }
    });`;
  const rows = JSON.stringify([positionRow(), { ...stateRow(), state: null }]);
  for (let round = 0; round < 3; round++) {
    const child = spawn(process.execPath, ["-e", code, module, folder, rows], { stdio: ["ignore", "pipe", "inherit"] });
    await new Promise((resolve) => child.stdout.once("data", resolve));
    const gone = new Promise((resolve) => child.once("exit", resolve));
    child.kill("SIGKILL");
    await gone;
    const reader = openStoreReadOnly(folder);
    const position = await reader.reader.selectFrom("position").select("next").executeTakeFirstOrThrow();
    const state = await reader.reader.selectFrom("station_state").select("due_at").executeTakeFirstOrThrow();
    expect(state.due_at).toBe(position.next);
    expect(position.next).toBeGreaterThanOrEqual(50);
    await reader.close();
  }
}, 30_000);

test("a query on a transaction that has ended is refused", async () => {
  let escaped: (() => Promise<unknown>) | undefined;
  await store.transaction(async (tx) => {
    escaped = () => tx.db.selectFrom("session").selectAll().execute();
  });
  await expect(escaped!()).rejects.toThrow(/has ended/);
});

test("the reader cannot write", async () => {
  await expect(store.reader.deleteFrom("session").execute()).rejects.toThrow(/readonly|read-only/);
});

test("a folder without tables is refused with a sentence when it is opened for reading", () => {
  expect(() => openStoreReadOnly(join(folder, "nowhere"))).toThrow(
    expect.toSatisfy((error: unknown) => isWattlogError(error, "store/unavailable")),
  );
});

test("a full disk is store/full, leaves no trace, and the store recovers when there is room", async (context) => {
  const disk = mkdtempSync(join(tmpdir(), "wattlog-disk-"));
  const mounted =
    process.getuid?.() === 0 && spawnSync("mount", ["-t", "tmpfs", "-o", "size=8m", "tmpfs", disk]).status === 0;
  if (!mounted) rmSync(disk, { recursive: true });
  context.skip(!mounted, "needs root and the right to mount a small tmpfs");
  const small = openSqliteStore(disk);
  try {
    await small.migrate();
    const ballast = join(disk, "ballast");
    writeFileSync(ballast, new Uint8Array(4 * 1024 * 1024));
    const write = (next: number): Promise<void> =>
      small.transaction(async (tx) => {
        await tx.upsert("position", [positionRow({ next })]);
        const rows = Array.from({ length: 20 }, (_, i) =>
          sessionRow({ id: `${next}-${i}`, annotations: "x".repeat(20_000) }),
        );
        await tx.upsert("session", rows);
      });
    let next = 0;
    const fill = async (): Promise<void> => {
      for (;;) {
        await write(next + 1);
        next++;
      }
    };
    await expect(fill()).rejects.toSatisfy((error) => isWattlogError(error, "store/full"));
    expect((await small.reader.selectFrom("position").select("next").executeTakeFirst())?.next).toBe(next);
    rmSync(ballast);
    await write(next + 1);
    expect((await small.reader.selectFrom("position").select("next").executeTakeFirst())?.next).toBe(next + 1);
  } finally {
    await small.close();
    spawnSync("umount", ["-l", disk]);
    rmSync(disk, { recursive: true });
  }
}, 30_000);
