// The scenarios of bench/k6, small and short: that they run, that their thresholds hold with bounds on time for a busy machine,
// and that they can be crossed.
import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { k6Binary } from "../../bench/k6/k6-binary.ts";
import { runScenario, type ScenarioName, type Size, type Target, type Threshold } from "../../bench/k6/scenario.ts";
import { ServerMissing } from "../../tools/servers/install.ts";
import { shareCluster } from "../harness/cluster-system.ts";
import { startWattlog, type Running } from "../harness/wattlog.ts";

const small: Size = { stations: 30, seconds: 6, commands: 10, users: 3, slack: 50 };

let wattlog: Running | undefined;
let missing: string | undefined;

beforeAll(async () => {
  try {
    await k6Binary();
  } catch (error) {
    if (!(error instanceof ServerMissing) || process.env["CI"] === "true") throw error;
    missing = `needs k6: ${error.message}`;
    return;
  }
  wattlog = await startWattlog();
  // Built from nothing it takes minutes; CI has begun at its start.
}, 900_000);
afterAll(() => wattlog?.stop());
beforeEach((context) => {
  if (missing !== undefined) context.skip(missing);
});

const crossed = (thresholds: readonly Threshold[]) => thresholds.filter(({ ok }) => !ok);
const target = (): Target => {
  const { ocppUrl, httpUrl, token } = wattlog!;
  return { ocppUrls: [ocppUrl], httpUrl, token };
};

test.each<[ScenarioName, Partial<Size>]>([
  ["ramp-connect", {}],
  ["steady-metering", { seconds: 8 }],
  ["reconnect-storm", {}],
  ["command-round-trip", { seconds: 8 }],
])("%s holds its thresholds on one process", async (name, size) => {
  const { ok, thresholds, words } = await runScenario(name, target(), { ...small, ...size });
  expect(thresholds.length).toBeGreaterThan(3);
  expect(crossed(thresholds), `k6 said ${words}`).toEqual([]);
  expect(ok).toBe(true);
});

test("a station that is not let in crosses a threshold", async () => {
  const { id } = await wattlog!.rest.post<{ readonly id: string }>("/stations", {
    id: "K6-000002",
    securityProfile: 1,
    password: "0123456789abcdef",
  });
  const result = await runScenario("ramp-connect", target(), { ...small, stations: 3, seconds: 3, slack: 1 });
  expect(result.ok, `${id} was let in without its password`).toBe(false);
  expect(crossed(result.thresholds).map(({ metric }) => metric)).toContain("ocpp_online");
});

test("rolling-drain holds its thresholds on a cluster", async (context) => {
  const system = await shareCluster();
  if ("missing" in system) return context.skip(system.missing);
  const { httpUrl, token, gateways } = system;
  const restarts = gateways.map((gateway) => () => system.restart(gateway.process, "SIGTERM"));
  const on = { ocppUrls: gateways.map(({ url }) => url), httpUrl, token, restarts };
  const { thresholds, words } = await runScenario("rolling-drain", on, { ...small, seconds: 14, stations: 20 });
  expect(crossed(thresholds), `k6 said ${words}`).toEqual([]);
}, 240_000);
