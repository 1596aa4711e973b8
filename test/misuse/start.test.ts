// A start that cannot work says why in one sentence that names what to do, and ends with 2: it wants another setting.
import { writeFileSync } from "node:fs";
import { createServer, type Server } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

import { tempFolder } from "../harness/paths.ts";
import { runCommand } from "../harness/cli.ts";
import { failToStart, startWattlog } from "../harness/wattlog.ts";

const folder = tempFolder("misuse");
const slowestSeconds = 10;
let taken: Server;
let takenPort: string;

beforeAll(async () => {
  taken = createServer();
  await new Promise<void>((resolve) => taken.listen(0, "127.0.0.1", resolve));
  const address = taken.address();
  takenPort = String(typeof address === "object" ? address?.port : 0);
  writeFileSync(join(folder.path, "a-file"), "");
});
afterAll(() => {
  taken.close();
  folder[Symbol.dispose]();
});

interface Misuse {
  readonly what: string;
  readonly env: () => Readonly<Record<string, string>>;
  /** Each must stand in what it says. */
  readonly names: () => readonly string[];
}

const own = () => join(folder.path, "data");

const misuses: readonly Misuse[] = [
  ...["WATTLOG_OCPP_PORT", "WATTLOG_HTTP_PORT", "WATTLOG_ADMIN_PORT"].map((name) => ({
    what: `${name} in use`,
    env: () => ({ [name]: takenPort, WATTLOG_DATA_DIR: own() }),
    names: () => [name, takenPort],
  })),
  {
    what: "a file where the data folder should be",
    env: () => ({ WATTLOG_DATA_DIR: join(folder.path, "a-file") }),
    names: () => ["WATTLOG_DATA_DIR", "a-file"],
  },
  {
    what: "a data folder below a file",
    env: () => ({ WATTLOG_DATA_DIR: join(folder.path, "a-file", "data") }),
    names: () => ["WATTLOG_DATA_DIR", "a-file"],
  },
  {
    what: "a data folder where not even root can write",
    env: () => ({ WATTLOG_DATA_DIR: "/sys/wattlog-data" }),
    names: () => ["WATTLOG_DATA_DIR", "/sys/wattlog-data"],
  },
  {
    what: "a data folder where the system makes none",
    env: () => ({ WATTLOG_DATA_DIR: "/proc/wattlog-data" }),
    names: () => ["WATTLOG_DATA_DIR", "/proc/wattlog-data"],
  },
  {
    what: "an unknown setting",
    env: () => ({ WATTLOG_HTP_PORT: "8080", WATTLOG_DATA_DIR: own() }),
    names: () => ["WATTLOG_HTP_PORT"],
  },
  {
    what: "a port that is no number",
    env: () => ({ WATTLOG_OCPP_PORT: "ninethousand", WATTLOG_DATA_DIR: own() }),
    names: () => ["WATTLOG_OCPP_PORT", "ninethousand"],
  },
  {
    what: "a port beyond the last",
    env: () => ({ WATTLOG_HTTP_PORT: "70000", WATTLOG_DATA_DIR: own() }),
    names: () => ["WATTLOG_HTTP_PORT", "70000"],
  },
  {
    what: "one port for two things",
    env: () => ({ WATTLOG_HTTP_PORT: "18080", WATTLOG_ADMIN_PORT: "18080", WATTLOG_DATA_DIR: own() }),
    names: () => ["WATTLOG_HTTP_PORT", "WATTLOG_ADMIN_PORT"],
  },
  {
    what: "a choice that there is not",
    env: () => ({ WATTLOG_UNKNOWN_STATIONS: "perhaps", WATTLOG_DATA_DIR: own() }),
    names: () => ["WATTLOG_UNKNOWN_STATIONS", "accept"],
  },
  {
    what: "a party that is none",
    env: () => ({ WATTLOG_PARTY: "germany", WATTLOG_DATA_DIR: own() }),
    names: () => ["WATTLOG_PARTY", "germany"],
  },
];

/** What it says that is no line of the log: those are JSON. */
function sentencesOf(text: string): string[] {
  return text.split("\n").filter((line) => line.trim() !== "" && !line.startsWith("{"));
}

/** Ten seconds are those of a machine that loads a command within one; a slower one has as many times more. */
async function expectSoon(seconds: number): Promise<void> {
  const loading = seconds < slowestSeconds ? 0 : (await runCommand(["--help"])).seconds;
  expect(seconds).toBeLessThan(slowestSeconds * Math.max(1, loading));
}

for (const { what, env, names } of misuses) {
  test(`${what}: exit code 2, one sentence that names it, within ${slowestSeconds} s`, async () => {
    const { child, exit, seconds } = await failToStart(env());
    expect(exit, `it said ${child.words()}`).toEqual({ code: 2, signal: null });
    const sentences = sentencesOf(child.stderr);
    expect(sentences, "one sentence").toHaveLength(1);
    for (const name of names()) expect(sentences[0]).toContain(name);
    expect(sentences[0], "a stack trace is no sentence").not.toMatch(/^\s+at /);
    await expectSoon(seconds);
  });
}

test("a second wattlog on the same folder is refused with what to do, and the first goes on", async () => {
  await using running = await startWattlog();
  const { child, exit, seconds } = await failToStart({ WATTLOG_DATA_DIR: running.folder });
  expect(exit, `it said ${child.words()}`).toEqual({ code: 2, signal: null });
  expect(child.stderr).toContain(running.folder);
  expect(child.stderr).toContain("WATTLOG_DATA_DIR");
  await expectSoon(seconds);
  expect((await fetch(`${running.adminUrl}/health/ready`)).status, "the first").toBe(200);
  expect((await running.rest.send("GET", "/stations")).status, "its run.json still serves").toBe(200);
});

test("a command that there is not, and a wrong option, are wrong use", async () => {
  for (const args of [["charge"], ["simulate", "--stations", "many"], ["verify"]]) {
    const { code, stderr, seconds } = await runCommand(args);
    expect(code, `${args.join(" ")}: ${stderr}`).toBe(2);
    expect(stderr.trim(), `it said ${args.join(" ")}`).not.toBe("");
    await expectSoon(seconds);
  }
});
