// Promise 3: all state is a fold of the log; a rebuild gives the same rows, whatever the world looks like by then.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

import { runCommand } from "../harness/cli.ts";
import { startFleet } from "../harness/fleet.ts";
import { tempFolder } from "../harness/paths.ts";
import type { Rest, SessionView } from "../harness/rest.ts";
import { eventually } from "../harness/wait.ts";
import { startWattlog, type Running } from "../harness/wattlog.ts";

const folder = tempFolder("rebuild");
const stations = 8;
let running: Running;
let before: Rows;

const tariff = (price: number) => ({
  id: "T-1",
  currency: "EUR",
  elements: [{ price_components: [{ type: "ENERGY", price, vat: 19, step_size: 1 }] }],
});
const token = (uid: string, valid: boolean) => ({
  uid,
  type: "RFID",
  contractId: `C-${uid}`,
  valid,
  whitelist: "ALWAYS",
});
const tokenUids = Array.from({ length: stations }, (_, i) => `TAG-${String(i + 1).padStart(6, "0")}`);

beforeAll(async () => {
  running = await startWattlog({ folder: folder.path });
  const { rest } = running;
  await rest.post("/tariffs", tariff(0.5));
  await rest.send("PUT", "/settings/defaultTariffId", { value: "T-1" });
  for (const uid of tokenUids) await rest.post("/tokens", token(uid, true));
  const fleet = startFleet(running, {
    stations,
    sessions: 16,
    speed: 1200,
    seed: 7,
    commands: 3,
    repeat: 0.1,
    disorder: 0.1,
  });
  await fleet.summary(90_000);
  before = await eventually("every CDR", async () => {
    const rows = await rowsOf(rest);
    return (rows.sessions as SessionView[]).every(({ cdrId }) => cdrId !== null) && rows.cdrs.length >= 16
      ? rows
      : undefined;
  });
});

afterAll(async () => {
  await running.stop();
  folder[Symbol.dispose]();
});

interface Rows {
  readonly sessions: readonly unknown[];
  readonly cdrs: readonly unknown[];
  readonly commands: readonly unknown[];
}

async function rowsOf(rest: Rest): Promise<Rows> {
  return {
    sessions: await rest.all("/sessions"),
    cdrs: await rest.all("/cdrs"),
    commands: await rest.all("/commands"),
  };
}

/** The rebuild's own verdict: exit code 0 and no table that differs. */
async function expectSameTables(): Promise<void> {
  const args = ["rebuild", "--compare-only", "--json"];
  const { code, stdout, stderr } = await runCommand(args, { env: { WATTLOG_DATA_DIR: folder.path } });
  expect(code, `${stdout}\n${stderr}`).toBe(0);
  const { tables } = JSON.parse(stdout) as { tables: { table: string; live: { rows: number }; equal: boolean }[] };
  expect(tables.filter(({ equal }) => !equal)).toEqual([]);
  for (const name of ["session", "cdr", "command", "meter_value", "station_state"]) {
    expect(tables.find(({ table }) => table === name)?.live.rows, `rows of ${name}`).toBeGreaterThan(0);
  }
}

test("a rebuild from offset zero comes to the same tables as the live ones", async () => {
  expect(before.sessions).toHaveLength(16);
  expect(before.cdrs).toHaveLength(16);
  expect(before.commands.length).toBeGreaterThan(0);
  expect(JSON.stringify(before.cdrs), "a price").toMatch(/"currency":"EUR"/);
  await expectSameTables();
});

test("it does so after every token, tariff and setting has changed", async () => {
  const { rest } = running;
  await rest.post("/tariffs", tariff(9.99));
  for (const uid of tokenUids) await rest.post("/tokens", token(uid, false));
  const changes = {
    settleAfterMs: 60_000,
    unknownStations: "reject",
    unknownTokens: "reject",
    validation: "strict",
    defaultTariffId: "",
  };
  for (const [id, value] of Object.entries(changes)) {
    const { status, body } = await rest.send("PUT", `/settings/${id}`, { value });
    expect(status, `${id}: ${JSON.stringify(body)}`).toBeLessThan(300);
  }
  await expectSameTables();
  expect(await rowsOf(rest)).toEqual(before);
});

test("a store that was lost is folded again from the log to the same rows, under another environment", async () => {
  expect(await running.terminate()).toEqual({ code: 0, signal: null });
  for (const suffix of ["", "-wal", "-shm"]) rmSync(join(folder.path, `state.db${suffix}`), { force: true });
  const env = { WATTLOG_SETTLE_AFTER_SECONDS: "900", WATTLOG_VALIDATION: "strict", WATTLOG_UNKNOWN_TOKENS: "reject" };
  running = await startWattlog({ folder: folder.path, env });
  const after = await eventually("the fold to catch up", async () => {
    const rows = await rowsOf(running.rest);
    return rows.cdrs.length >= before.cdrs.length ? rows : undefined;
  });
  expect(after).toEqual(before);
});
