// One scenario by k6 against a wattlog that runs: sizes in, thresholds and figures out.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { run } from "../../tools/servers/install.ts";
import { k6Binary } from "./k6-binary.ts";

export const scenarios = {
  "ramp-connect": "stations connect and boot at an even rate",
  "steady-metering": "connected stations send a MeterValues a second each",
  "reconnect-storm": "all stations lose their connection at one moment and come back",
  "rolling-drain": "gateways are restarted one after the other under heartbeats",
  "command-round-trip": "commands by REST to stations that answer at once",
} as const;

export type ScenarioName = keyof typeof scenarios;

export interface Target {
  /** ws://…, of every gateway. */
  readonly ocppUrls: readonly string[];
  readonly httpUrl: string;
  readonly token: string;
  /** Each restarts one gateway and resolves when it is back. Absent: they are not ours to restart. */
  readonly restarts?: readonly (() => Promise<void>)[];
}

export interface Size {
  readonly stations: number;
  readonly seconds: number;
  /** A second, where there are any. */
  readonly commands: number;
  /** k6's virtual users, each with its share of the stations. */
  readonly users: number;
  /** What bounds on time are multiplied by: 1 on a machine that does nothing else. */
  readonly slack: number;
}

export interface Threshold {
  readonly metric: string;
  readonly bound: string;
  readonly ok: boolean;
}

export interface ScenarioResult {
  readonly name: ScenarioName;
  readonly size: Size;
  /** All held, and every station was there at the end. */
  readonly ok: boolean;
  readonly thresholds: readonly Threshold[];
  /** k6's own, by metric: count, rate, percentiles in ms. */
  readonly metrics: Readonly<Record<string, Readonly<Record<string, number>>>>;
  /** What k6 said, for a run that went wrong. */
  readonly words: string;
}

interface Summary {
  readonly metrics: Readonly<
    Record<
      string,
      {
        readonly values: Readonly<Record<string, number>>;
        readonly thresholds?: Readonly<Record<string, { readonly ok: boolean }>>;
      }
    >
  >;
}

/** Of the run, until the first restart: everybody is there by then. */
const calmShare = 0.3;
/** For stations to come back after the last restart: above their longest pause. */
const comeBackMs = 8_000;
/** k6 ends by itself; beyond this it hangs. */
const graceMs = 90_000;

/** @throws Error where k6 did not come to its end; ServerMissing where there is none. */
export async function runScenario(name: ScenarioName, target: Target, size: Size): Promise<ScenarioResult> {
  const folder = mkdtempSync(join(tmpdir(), "wattlog-k6-"));
  try {
    const file = join(folder, "summary.json");
    const k6 = await k6Binary();
    const script = join(import.meta.dirname, "scenarios", `${name}.js`);
    const args = ["run", "--no-usage-report", "--address", "127.0.0.1:0", "--quiet", "--no-color", script];
    const env = { ...process.env, ...environmentOf(target, size), K6_RESULT: file };
    const running = run(k6, args, { env, timeoutMs: size.seconds * 1000 + graceMs });
    const rolled = name === "rolling-drain" ? roll(target, size) : undefined;
    const [{ code, output }, restarted] = await Promise.all([running, rolled]);
    // 99: thresholds were crossed, which the summary says.
    if (code !== 0 && code !== 99) throw new Error(`k6 ended with ${code}: ${output.slice(-2_000)}`);
    const result = resultOf(name, size, JSON.parse(readFileSync(file, "utf8")) as Summary, output);
    if (restarted === undefined) return result;
    const atLeastOne = { metric: `gateways restarted (${restarted})`, bound: ">=1", ok: restarted >= 1 };
    return { ...result, ok: result.ok && atLeastOne.ok, thresholds: [...result.thresholds, atLeastOne] };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** One after the other, as far as the run's time reaches. @returns how many */
async function roll({ restarts }: Target, { seconds }: Size): Promise<number> {
  if (!restarts) throw new Error("rolling-drain restarts gateways: it needs a cluster of its own, not --url.");
  const until = performance.now() + seconds * 1000 - comeBackMs;
  await sleep(seconds * 1000 * calmShare);
  let done = 0;
  for (const restart of restarts) {
    if (performance.now() > until) break;
    await restart();
    done++;
  }
  return done;
}

function environmentOf({ ocppUrls, httpUrl, token }: Target, size: Size): Record<string, string> {
  return {
    K6_OCPP_URLS: ocppUrls.join(","),
    K6_API_URL: httpUrl,
    K6_TOKEN: token,
    K6_STATIONS: String(size.stations),
    K6_SECONDS: String(size.seconds),
    K6_COMMANDS: String(size.commands),
    K6_USERS: String(Math.min(size.users, size.stations)),
    K6_SLACK: String(size.slack),
  };
}

function resultOf(name: ScenarioName, size: Size, { metrics }: Summary, words: string): ScenarioResult {
  const thresholds = Object.entries(metrics).flatMap(([metric, { thresholds: of = {} }]) =>
    Object.entries(of).map(([bound, { ok }]) => ({ metric, bound, ok })),
  );
  // A bound on nothing holds: every station must have been there.
  const seen = metrics["ocpp_online"]?.values["passes"] ?? 0;
  thresholds.push({ metric: "stations online at the end", bound: `==${size.stations}`, ok: seen === size.stations });
  const figures = Object.fromEntries(Object.entries(metrics).map(([metric, { values }]) => [metric, values]));
  return { name, size, ok: thresholds.every(({ ok }) => ok), thresholds, metrics: figures, words };
}
