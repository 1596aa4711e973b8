// Exit codes and words of the command line, as scripts see them. Most run within this process, for a process costs half a
// second; the bin itself is started where it matters.
import { execFile, spawn } from "node:child_process";
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

import { settingRows } from "../../core/config/setting-rows.ts";
import { commands } from "./commands.ts";
import { runCommandLine } from "./main.ts";

const bin = join(dirname(fileURLToPath(import.meta.url)), "wattlog.mjs");

interface Result {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function wattlog(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<Result> {
  const said = { out: "", err: "" };
  const listen = (stream: NodeJS.WriteStream, to: "out" | "err") =>
    vi.spyOn(stream, "write").mockImplementation((text) => {
      said[to] += String(text);
      return true;
    });
  const spies = [listen(process.stdout, "out"), listen(process.stderr, "err")];
  for (const name of Object.keys(process.env)) if (name.startsWith("WATTLOG_")) vi.stubEnv(name, undefined);
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
  try {
    return { code: await runCommandLine(args), ...said };
  } finally {
    for (const spy of spies) spy.mockRestore();
    vi.unstubAllEnvs();
  }
}

function inProcessOfItsOwn(args: readonly string[], node = process.execPath): Promise<Result> {
  return new Promise((resolve) => {
    execFile(node, [bin, ...args], { timeout: 60_000, maxBuffer: 64 * 1024 * 1024 }, (error, out, err) => {
      resolve({ code: error ? Number(error.code) : 0, out, err });
    });
  });
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "wattlog-cli-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const oneSentence = /^[^\n]+\n$/;

describe("wrong use is exit code 2 and one sentence, without a stack", () => {
  test.each([
    [["frobnicate"], "frobnicate"],
    [["config", "--frob"], "--frob"],
    [["verify"], "--journal"],
    [["verify", "--journal", "/nowhere-at-all"], "/nowhere-at-all"],
    [["log"], "--station"],
    [["log", "--station", "a:b"], "--station"],
    [["log", "--station", "a", "--from", "yesterday"], "yesterday"],
    [["token"], "wattlog token"],
    [["token", "show"], "Which token?"],
    [["rebuild", "--compare-only", "--abandon"], "not both"],
    [["rebuild", "--csv"], "belongs to"],
    [["quarantine", "redrive", "ID", "--all"], "not both"],
    [["quarantine", "release"], "Which one?"],
    [["quarantine", "burn"], "quarantine"],
    [["cdr", "release", "ID"], "--why"],
    [["cdr", "held", "--state", "lost"], "lost"],
    [["cdr", "export", "--from", "2026-01-01", "--to", "soon"], "soon"],
    [["cdr", "reconcile", "--day", "monday"], "monday"],
    [["health", "sick"], "uptime|starts"],
    [["health", "uptime", "--from", "2026-01-01", "--to", "2026-02-01", "--by", "colour"], "colour"],
    [["health", "exclude", "--cause", "vandalism", "--from", "2026-01-01", "--to", "2026-01-02"], "--why"],
    [["simulate", "--stations", "many"], "--stations"],
  ])("%j", async (args, names) => {
    const { code, err } = await wattlog(args);
    expect(err).toMatch(oneSentence);
    expect(err).toContain(names);
    expect(code).toBe(2);
  });

  test("a setting that is wrong or unknown", async () => {
    for (const [name, value] of [
      ["WATTLOG_HTTP_PORT", "http"],
      ["WATTLOG_HTP_PORT", "80"],
    ] as const) {
      const { code, err } = await wattlog(["config"], { [name]: value });
      expect(err).toMatch(oneSentence);
      expect(err).toContain(name);
      expect(code).toBe(2);
    }
  });

  test("no command at all shows the commands", async () => {
    const { code, out } = await wattlog([]);
    expect(code).toBe(2);
    for (const command of commands) expect(out).toContain(command.name);
  });
});

test("a role alone without its servers says which settings it needs; `all` refuses a cluster's", async () => {
  for (const name of ["gateway", "processor", "projector", "api", "topics"]) {
    const { code, err } = await wattlog([name]);
    expect(err).toContain("KAFKA_BROKERS");
    expect(err.trim().split("\n")).toHaveLength(1);
    expect(code).toBe(2);
  }
});

test("every command has its help", async () => {
  for (const { name } of commands) {
    const { code, out } = await wattlog([name, "--help"]);
    expect(out).toContain(name);
    expect(code).toBe(0);
  }
});

test("config lists every setting with value, default, unit and sentence, and no secret", async () => {
  const { code, out } = await wattlog(["config", "--json"], {
    WATTLOG_ADMIN_TOKEN: "hunter2hunter2",
    WATTLOG_HTTP_PORT: "9999",
  });
  const rows = JSON.parse(out) as readonly Readonly<Record<string, string>>[];
  expect(code).toBe(0);
  expect(rows.map((row) => row["setting"])).toEqual(Object.values(settingRows).map((row) => row.env));
  expect(rows.find((row) => row["setting"] === "WATTLOG_HTTP_PORT")).toMatchObject({
    value: "9999",
    default: "8080",
    unit: "port",
  });
  expect(out).not.toContain("hunter2");
  const table = await wattlog(["config", "--data", "/somewhere/else"]);
  expect(table.out).toMatch(/WATTLOG_DATA_DIR +\/somewhere\/else +\.\/data/);
});

/** Another Node than ours that the path leads to, where it is older than the project's. */
async function olderNode(): Promise<string | undefined> {
  const found = (process.env["PATH"] ?? "").split(delimiter).flatMap((place) => globSync(join(place, "node")));
  for (const node of found) {
    const version = await new Promise<string>((resolve) => execFile(node, ["--version"], (_, out) => resolve(out)));
    if (/^v2[0-3]\./.test(version)) return node;
  }
  return undefined;
}

test("the bin ends with the exit code of its command", async () => {
  const wrong = await inProcessOfItsOwn(["frobnicate"]);
  expect(wrong).toMatchObject({ code: 2, err: expect.stringMatching(oneSentence) as string });
}, 60_000);

test("an older Node hands over to the project's, with words and exit code", async (context) => {
  const node = await olderNode();
  if (node === undefined) return context.skip("there is no Node older than the project's on this machine");
  expect(await inProcessOfItsOwn(["config", "--json"], node)).toMatchObject({
    code: 0,
    out: expect.stringContaining("WATTLOG_BIND") as string,
  });
  expect(await inProcessOfItsOwn(["frobnicate"], node)).toMatchObject({ code: 2 });
}, 60_000);

test("a folder where nothing ever ran is a failure that says what is missing", async () => {
  const { code, err } = await wattlog(["token", "list", "--data", join(folder, "none")]);
  expect(code).toBe(1);
  expect(err).toMatch(oneSentence);
  expect(err).toContain("log.db");
});

describe("the registry without a process", () => {
  const file = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, text);
    return path;
  };
  const on = (...args: string[]) => wattlog([...args, "--data", join(folder, "data")]);

  test("tokens come in by CSV, with a report by line; what is wrong stays out, the rest goes in", async () => {
    const csv = file(
      "tokens.csv",
      '\uFEFFuid;contractId;valid\r\nAAA1;DE-1;true\r\nAAA2;;maybe\r\n"AAA3";"x;y";false\r\n;DE-4;true\r\n',
    );
    const { code, out } = await on("token", "import", csv, "--json");
    expect(JSON.parse(out)).toMatchObject({
      created: 2,
      changed: 0,
      unchanged: 0,
      refused: 2,
      rows: [
        { line: 2, id: "AAA1", result: "created" },
        { line: 3, result: "refused", reason: expect.stringContaining("valid") as string },
        { line: 4, id: "AAA3", result: "created" },
        { line: 5, result: "refused" },
      ],
    });
    expect(code).toBe(1);
    const shown = await on("token", "show", "aaa3", "--json");
    expect(JSON.parse(shown.out)).toMatchObject({ uid: "AAA3", contractId: "x;y", valid: false, type: "RFID" });
    expect((await on("token", "import", file("again.csv", "uid\nAAA1\n"))).err).toContain("0 created, 1 changed");
  });

  test("a long list comes out of a pipe whole", async () => {
    const ids = Array.from({ length: 3000 }, (_, at) => `LONG-${String(at).padStart(5, "0")}`);
    expect((await on("token", "import", file("many.csv", `uid\n${ids.join("\n")}\n`))).code).toBe(0);
    const { out } = await inProcessOfItsOwn(["token", "list", "--json", "--data", join(folder, "data")]);
    expect((JSON.parse(out) as unknown[]).length).toBeGreaterThanOrEqual(ids.length);
    // A reader that goes away is no failure.
    const cut = spawn(process.execPath, [bin, "token", "list", "--data", join(folder, "data")], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    cut.stdout.once("data", () => cut.stdout.destroy());
    expect(await new Promise((resolve) => cut.once("exit", resolve))).toBe(0);
  }, 60_000);

  test("a station is registered with a password as the README says, and --json says what was removed", async () => {
    expect((await on("station", "add", "CP-0001", "--password", "another-secret")).code).toBe(0);
    expect(JSON.parse((await on("station", "show", "CP-0001")).out)).toMatchObject({ password: "***" });
    const removed = await on("station", "remove", "CP-0001", "--json");
    expect([removed.code, JSON.parse(removed.out)]).toEqual([0, { id: "CP-0001", removed: true }]);
    expect((await on("token", "add", "T-9", "--password", "x")).code).toBe(2);
  });

  test("a station's password goes in and never comes out", async () => {
    expect(
      (await on("station", "add", "CS-1", "--field", "password=secret-secret", "--field", "securityProfile=1")).code,
    ).toBe(0);
    const { out } = await on("station", "show", "CS-1");
    expect(JSON.parse(out)).toMatchObject({ id: "CS-1", securityProfile: 1, password: "***" });
    expect((await on("station", "list")).out).not.toContain("secret");
    const log = readFileSync(join(folder, "data", "log.db")).toString("latin1");
    expect(log).not.toContain("secret-secret");
  });

  test("a location of several lines is one document, and JSON of a list is several", async () => {
    const csv = file(
      "l.csv",
      "id,name,time_zone,evseUid,connector,stationId,evseId,connectorId,tariffIds\nL1,Yard,Europe/Berlin,E1,1,CS-1,1,1,T1\nL1,Yard,Europe/Berlin,E1,2,CS-1,1,2,T1;T2\n",
    );
    expect((await on("location", "import", csv)).code).toBe(0);
    expect(JSON.parse((await on("location", "show", "L1", "--json")).out)).toMatchObject({
      evses: [
        {
          uid: "E1",
          connectors: [
            { id: "1", connectorId: 1 },
            { id: "2", connectorId: 2, tariff_ids: ["T1", "T2"] },
          ],
        },
      ],
    });
    const price_components = [{ type: "ENERGY", price: "0.30", step_size: 1 }];
    const json = file(
      "t.json",
      JSON.stringify(["T1", "T2"].map((id) => ({ id, currency: "EUR", elements: [{ price_components }] }))),
    );
    expect((await on("tariff", "import", json)).err).toContain("2 created");
    expect((await on("tariff", "list", "--json")).out).toContain('"T2"');
  });

  test("what is removed is gone, and what is not there cannot be", async () => {
    expect((await on("tariff", "remove", "T2")).code).toBe(0);
    expect((await on("tariff", "show", "T2")).code).toBe(1);
    expect((await on("tariff", "remove", "T2")).code).toBe(1);
  });

  test("a file that is no table is wrong use", async () => {
    for (const text of ["name,x\n1,2\n", '{"uid": ', 'uid\n"a']) {
      const { code, err } = await on("token", "import", file("bad.csv", text));
      expect(err).toMatch(oneSentence);
      expect(code).toBe(2);
    }
  });
});
