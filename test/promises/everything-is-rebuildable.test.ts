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
  let last: Rows | undefined;
  const twice = async (): Promise<Rows | false> => {
    const rows = await rowsOf(rest);
    const settled = rows.cdrs.length >= sessions && rows.sessions.every(({ cdrId }) => cdrId !== null);
    const stays = settled && rows.commands.every(({ status }) => status === "done") && isSame(last)(rows);
    last = rows;
    return stays && rows;
  };
  return eventually("every CDR, and nothing that still changes", twice, { timeoutMs: catchUpMs, everyMs: 500 });
}

interface Rows {
  readonly sessions: readonly SessionView[];
  readonly cdrs: readonly CdrView[];
  readonly commands: readonly CommandView[];
  /** By session, as a list of its own. */
  readonly meterValues: readonly (readonly [string, readonly unknown[]])[];
}

async function rowsOf(rest: Rest): Promise<Rows> {
  const ofFleet = async <T extends { readonly stationId: string }>(path: string): Promise<T[]> =>
    (await rest.all<T>(path)).filter(({ stationId }) => stationId.startsWith(prefix));
  const sessionRows = await ofFleet<SessionView>("/sessions");
  return {
    sessions: sessionRows,
    cdrs: await ofFleet("/cdrs"),
    commands: await ofFleet("/commands"),
    meterValues: await Promise.all(
      sessionRows.map(async ({ id }) => [id, await rest.all(`/sessions/${id}/meter-values`)] as const),
    ),
  };
}

/** What REST says once it says what it should, or after a while: folds are behind the log, each by its own measure. */
async function rowsOnce(system: System, isWished: (rows: Rows) => boolean): Promise<Rows> {
  return lastAnswer(() => rowsOf(system.rest), isWished, { timeoutMs: catchUpMs });
}

/** A store that is empty is folded from the log's first record, and that log has the records of the whole run. */
const catchUpMs = 90_000;

const isSame = (expected: unknown) => (found: unknown) => JSON.stringify(found) === JSON.stringify(expected);

/** What people query and what money follows from, and what stations are in. */
const notEmpty = ["session", "cdr", "command", "meter_value", "station_state"];

interface Compared {
  readonly table: string;
  readonly live: { readonly rows: number; readonly sha256: string };
  readonly equal: boolean;
}

/** The rebuild's own verdict: exit code 0 and no table that differs. */
async function expectSameTables({ environment: env }: System): Promise<void> {
  const { code, stdout, stderr } = await runCommand(["rebuild", "--compare-only", "--json"], { env });
  expect(code, `${stdout}\n${stderr}`).toBe(0);
  const { tables } = JSON.parse(stdout) as { tables: Compared[] };
  expect(tables.filter(({ equal }) => !equal)).toEqual([]);
  for (const name of notEmpty) {
    expect(tables.find(({ table }) => table === name)?.live.rows, `rows of ${name}`).toBeGreaterThan(0);
  }
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
    expect(await rowsOnce(system(), isSame(before))).toEqual(before);
  });

  test("a store that was lost is folded again from the log to the same rows, under another environment", async () => {
    await system().loseStore({
      WATTLOG_SETTLE_AFTER_SECONDS: "900",
      WATTLOG_VALIDATION: "strict",
      WATTLOG_UNKNOWN_TOKENS: "reject",
    });
    await eventually("the api", () => rowsOf(system().rest), { timeoutMs: catchUpMs });
    expect(await rowsOnce(system(), isSame(before))).toEqual(before);
    await expectSameTables(system());
  });
});
