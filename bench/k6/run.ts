// `npm run k6 -- NAME|all [--stations N] [--seconds S] [--commands N] [--slack X] [--json] [--out FOLDER] [--url WS,… --api HTTP --token T]`.
// Exit code 0: every threshold held; 1: not so; 2: wrong use. Without --url it starts what it needs: `npm start` on a folder of
// its own, and for rolling-drain a cluster.
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { messageOf } from "../../core/runtime/errors.ts";
import { machine } from "../report.ts";
import { k6Binary } from "./k6-binary.ts";
import { report } from "./result.ts";
import { runScenario, scenarios, type ScenarioName, type Size, type Target } from "./scenario.ts";
import { startTarget } from "./target.ts";

const usual: Readonly<Record<ScenarioName, Size>> = {
  "ramp-connect": { stations: 2_000, seconds: 30, commands: 0, users: 20, slack: 1 },
  "steady-metering": { stations: 1_000, seconds: 40, commands: 0, users: 20, slack: 1 },
  "reconnect-storm": { stations: 1_500, seconds: 30, commands: 0, users: 20, slack: 1 },
  "rolling-drain": { stations: 400, seconds: 60, commands: 0, users: 10, slack: 1 },
  "command-round-trip": { stations: 200, seconds: 30, commands: 50, users: 10, slack: 1 },
};

class WrongUse extends Error {}

const isScenario = (name: string): name is ScenarioName => Object.hasOwn(scenarios, name);

function namesOf(positionals: readonly string[]): ScenarioName[] {
  const [name = "", ...more] = positionals;
  if (more.length === 0 && name === "all") return Object.keys(scenarios).filter(isScenario);
  if (more.length === 0 && isScenario(name)) return [name];
  throw new WrongUse(`Name one scenario, or all: ${Object.keys(scenarios).join(", ")}.`);
}

function options() {
  try {
    const text = { type: "string" } as const;
    return parseArgs({
      allowPositionals: true,
      options: {
        stations: text,
        seconds: text,
        commands: text,
        slack: text,
        url: text,
        api: text,
        token: text,
        out: text,
        json: { type: "boolean", default: false },
      },
    });
  } catch (error) {
    throw new WrongUse(messageOf(error));
  }
}

function sizeOf(name: ScenarioName, given: Readonly<Record<string, string | boolean | undefined>>): Size {
  const size: Record<string, number> = { ...usual[name] };
  for (const key of ["stations", "seconds", "commands", "slack"]) {
    if (given[key] === undefined) continue;
    const value = Number(given[key]);
    if (!(value > 0)) throw new WrongUse(`--${key} must be a number above 0.`);
    size[key] = value;
  }
  return size as unknown as Size;
}

async function main(): Promise<number> {
  const { values, positionals } = options();
  const names = namesOf(positionals);
  if (values.url !== undefined && names.includes("rolling-drain"))
    throw new WrongUse("rolling-drain restarts gateways: it starts a cluster of its own and takes no --url.");
  await k6Binary((progress) => process.stderr.write(`${progress}\n`));
  let failed = 0;
  for (const name of names) {
    const size = sizeOf(name, values);
    const { url, api = "", token = "" } = values;
    await using started = url === undefined ? await startTarget(name) : undefined;
    const target: Target = started ?? { ocppUrls: (url ?? "").split(","), httpUrl: api, token };
    const result = await runScenario(name, target, size);
    const { words: _, ...kept } = result;
    const full = { ...kept, machine: machine(), date: new Date().toISOString() };
    if (values.out !== undefined) {
      mkdirSync(values.out, { recursive: true });
      writeFileSync(join(values.out, `${name}.json`), `${JSON.stringify(full, null, 2)}\n`);
    }
    process.stdout.write(values.json ? `${JSON.stringify(full)}\n` : report(full));
    if (!result.ok) failed++;
  }
  return failed === 0 ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exitCode = error instanceof WrongUse ? 2 : 1;
}
