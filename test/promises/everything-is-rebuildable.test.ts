// Promise 3: all state is a fold of the log; a rebuild gives the same rows, whatever the world looks like by then.
import { expect, test } from "vitest";

import { runCommand } from "../harness/cli.ts";
import { startFleet } from "../harness/fleet.ts";
import type { CdrView, CommandView, Rest, SessionView } from "../harness/rest.ts";
import { onEachSystem, type System } from "../harness/system.ts";
import { eventually, lastAnswer } from "../harness/wait.ts";

const stations = 8;
const sessions = 16;
/** The fleet's stations begin so; others may have used the system before. */
const prefix = "REBUILD";

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

/** Where the tests begin, and what they leave behind for whoever comes next. */
const usualSettings = {
  settleAfterMs: 2_000,
  unknownStations: "accept",
  unknownTokens: "accept",
  validation: "lenient",
  defaultTariffId: "",
};

async function change(rest: Rest, settings: Readonly<Record<string, string | number>>): Promise<void> {
  for (const [id, value] of Object.entries(settings)) {
    const { status, body } = await rest.send("PUT", `/settings/${id}`, { value });
    expect(status, `${id}: ${JSON.stringify(body)}`).toBeLessThan(300);
  }
}

/** Every session of a fleet with its CDR, at a price, some of them by command. */
async function chargeAndSettle(system: System): Promise<Rows> {
  const { rest } = system;
  await rest.post("/tariffs", tariff(0.5));
  await change(rest, { defaultTariffId: "T-1" });
  for (const uid of tokenUids) await rest.post("/tokens", token(uid, true));
  const fleet = startFleet(
    { ocppUrl: system.gateways[0].url, httpUrl: system.httpUrl, token: system.token },
    { stations, sessions, prefix, speed: 1200, seed: 7, commands: 3, repeat: 0.1, disorder: 0.1 },
  );
  await fleet.summary(90_000);
  return eventually("every CDR", async () => {
    const rows = await rowsOf(rest);
    return rows.sessions.every(({ cdrId }) => cdrId !== null) && rows.cdrs.length >= sessions && rows;
  });
}

interface Rows {
  readonly sessions: readonly SessionView[];
  readonly cdrs: readonly CdrView[];
  readonly commands: readonly CommandView[];
}

async function rowsOf(rest: Rest): Promise<Rows> {
  const ofFleet = async <T extends { readonly stationId: string }>(path: string): Promise<T[]> =>
    (await rest.all<T>(path)).filter(({ stationId }) => stationId.startsWith(prefix));
  return {
    sessions: await ofFleet("/sessions"),
    cdrs: await ofFleet("/cdrs"),
    commands: await ofFleet("/commands"),
  };
}

/** What people query and what money follows from. */
const lasting = ["session", "cdr", "command", "meter_value"];

interface Compared {
  readonly table: string;
  readonly live: { readonly rows: number; readonly sha256: string };
  readonly equal: boolean;
}

/** The rebuild's own verdict: exit code 0 and no table that differs. @returns checksums of the lasting tables. */
async function expectSameTables({ environment: env }: System): Promise<readonly (readonly [string, string])[]> {
  const { code, stdout, stderr } = await runCommand(["rebuild", "--compare-only", "--json"], { env });
  expect(code, `${stdout}\n${stderr}`).toBe(0);
  const { tables } = JSON.parse(stdout) as { tables: Compared[] };
  expect(tables.filter(({ equal }) => !equal)).toEqual([]);
  for (const name of [...lasting, "station_state"]) {
    expect(tables.find(({ table }) => table === name)?.live.rows, `rows of ${name}`).toBeGreaterThan(0);
  }
  return tables.filter(({ table }) => lasting.includes(table)).map(({ table, live }) => [table, live.sha256]);
}

onEachSystem("promise 3, everything is rebuildable", (system, _place, { onceUp, beforeEnd }) => {
  let before: Rows;
  onceUp(async () => {
    before = await chargeAndSettle(system());
  });
  beforeEnd(async () => {
    const { rest } = system();
    await change(rest, usualSettings);
    for (const uid of tokenUids) await rest.post("/tokens", token(uid, true));
  });

  test("a rebuild from offset zero comes to the same tables as the live ones", async () => {
    expect(before.sessions).toHaveLength(sessions);
    expect(before.cdrs).toHaveLength(sessions);
    expect(before.commands.length).toBeGreaterThan(0);
    expect(JSON.stringify(before.cdrs), "a price").toMatch(/"currency":"EUR"/);
    await expectSameTables(system());
  });

  test("it does so after every token, tariff and setting has changed", async () => {
    const { rest } = system();
    await rest.post("/tariffs", tariff(9.99));
    for (const uid of tokenUids) await rest.post("/tokens", token(uid, false));
    await change(rest, {
      settleAfterMs: 60_000,
      unknownStations: "reject",
      unknownTokens: "reject",
      validation: "strict",
      defaultTariffId: "",
    });
    await expectSameTables(system());
    expect(await rowsOf(rest)).toEqual(before);
  });

  test("a store that was lost is folded again from the log to the same rows, under another environment", async () => {
    const checksums = await expectSameTables(system());
    await system().loseStore({
      WATTLOG_SETTLE_AFTER_SECONDS: "900",
      WATTLOG_VALIDATION: "strict",
      WATTLOG_UNKNOWN_TOKENS: "reject",
    });
    const after = await eventually("the fold to catch up", async () => {
      const rows = await rowsOf(system().rest);
      return rows.cdrs.length >= before.cdrs.length && rows;
    });
    expect(after).toEqual(before);
    const isSame = (found: typeof checksums): boolean => JSON.stringify(found) === JSON.stringify(checksums);
    expect(await lastAnswer(() => expectSameTables(system()), isSame)).toEqual(checksums);
  });
});
