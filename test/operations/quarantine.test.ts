// Q2 as an operator does it: after a fault many records are looked at, redriven or released by one command.
import { afterAll, beforeAll, expect, test } from "vitest";

import { runCommand } from "../harness/cli.ts";
import { OneProcess, startOneProcess } from "../harness/one-process.ts";
import { bootedStation } from "../harness/station.ts";
import { lastAnswer } from "../harness/wait.ts";

interface Listed {
  readonly stationId: string;
  readonly stage: string;
  readonly reason: string;
  readonly state: string;
  readonly parked: number;
}

let system: OneProcess;

beforeAll(async () => {
  system = await startOneProcess();
});
afterAll(() => system.end());

async function quarantine(...words: string[]): Promise<unknown> {
  const { code, stdout, stderr } = await runCommand(["quarantine", ...words, "--json"], { env: system.environment });
  expect(code, `it said ${stderr}`).toBe(0);
  return JSON.parse(stdout) as unknown;
}

const listed = async (...filters: string[]) => (await quarantine("list", ...filters)) as readonly Listed[];

test("what could not be understood is listed by filters and released in bulk, for the stations that were meant", async () => {
  for (const id of ["GARBLED-1", "GARBLED-2"]) {
    const station = await bootedStation({ url: system.gateways[0].url, id });
    for (let n = 0; n < 5; n++) station.sendRaw(`[2,"${n}`);
    await station.call("Heartbeat", {});
    await station.close();
  }
  const all = await lastAnswer(
    () => listed(),
    (rows) => rows.length >= 10,
  );
  expect(all).toHaveLength(10);
  expect(all.every(({ stage, state, parked }) => stage === "gateway" && state === "held" && parked === 0)).toBe(true);
  const reason = all[0]!.reason;
  expect(await listed("--station", "GARBLED-2", "--reason", reason.toUpperCase())).toHaveLength(5);
  expect(await listed("--stage", "fold")).toEqual([]);

  const nobodyReads = await quarantine("redrive", "--station", "GARBLED-1");
  expect(nobodyReads).toEqual({ requested: 5 });
  expect(await quarantine("release", "--station", "GARBLED-2", "--stage", "gateway")).toEqual({ requested: 5 });
  const states = async () => (await listed()).map(({ stationId, state }) => `${stationId} ${state}`).toSorted();
  const wished = [...Array<string>(5).fill("GARBLED-1 held"), ...Array<string>(5).fill("GARBLED-2 released")];
  const isWished = (found: readonly string[]) => JSON.stringify(found) === JSON.stringify(wished);
  expect(await lastAnswer(states, isWished), "a redrive of what nobody can read yet leaves it held").toEqual(wished);
  expect(await quarantine("release", "--all")).toEqual({ requested: 5 });
  expect(await quarantine("release", "--all", "--reason", "no such words")).toEqual({ requested: 0 });
});
