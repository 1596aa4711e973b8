// The import of a list, on a folder where nothing runs. test/registry has it beside a wattlog that serves.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test, vi } from "vitest";

import { trusted } from "../../core/ids/ids.ts";
import { brainpool, keba } from "../../core/metering/vectors.test-helper.ts";
import { withRegistry, folderSource } from "../roles/source.ts";
import { runCommandLine } from "./main.ts";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "wattlog-import-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Said {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

async function wattlog(...args: readonly string[]): Promise<Said> {
  const said = { out: "", err: "" };
  const listen = (stream: NodeJS.WriteStream, to: "out" | "err") =>
    vi.spyOn(stream, "write").mockImplementation((text) => {
      said[to] += String(text);
      return true;
    });
  const spies = [listen(process.stdout, "out"), listen(process.stderr, "err")];
  try {
    return { code: await runCommandLine([...args, "--data", join(folder, "data")]), ...said };
  } finally {
    for (const spy of spies) spy.mockRestore();
  }
}

const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

/** Every change is one place further. */
const changes = () => withRegistry(folderSource(join(folder, "data")), (registry) => registry.position.offset);
const held = (kind: "token" | "station") =>
  withRegistry(folderSource(join(folder, "data")), (registry) => [...registry.ids(trusted.party("DEWLG"), kind)]);

interface Report {
  readonly created: number;
  readonly changed: number;
  readonly unchanged: number;
  readonly refused: number;
  readonly dryRun: boolean;
  readonly rows: readonly {
    readonly line: number;
    readonly column: string | null;
    readonly id: string;
    readonly result: string;
    readonly reason: string | null;
  }[];
}

async function imported(...args: readonly string[]): Promise<Report & { readonly code: number }> {
  const { code, out } = await wattlog(...args, "--json");
  return { code, ...(JSON.parse(out) as Report) };
}

const refusals = ({ rows }: Report) =>
  rows.filter(({ result }) => result === "refused").map(({ line, column, reason }) => [line, column, reason]);

describe("the report says of each bad row its line, its column, what is wrong and what to do", () => {
  test("tokens", async () => {
    const csv = file(
      "tokens.csv",
      [
        "uid,type,contractId,valid,whitelist,expiresAt",
        "GOOD-1,,,,,",
        "BAD-TYPE,RFDI,,,,",
        "BAD-VALID,,,maybe,,",
        ",,DE-1,,,",
        `${"X".repeat(37)},,DE-1,,,`,
        "BAD-TIME,,,,,tomorrow",
        "SHORT,,",
        '"two\nlines",,DE-2,true,ALWAYS,2030-01-01T00:00:00Z',
        "BAD-AFTER,,,,SOMETIMES,",
      ].join("\n"),
    );
    const report = await imported("token", "import", csv);
    expect(refusals(report)).toEqual([
      [3, "type", "type is none of the known words: write RFID, APP_USER, AD_HOC_USER, OTHER, EMAID."],
      [4, "valid", "valid is true or false, not maybe."],
      [5, "uid", "uid is missing: fill it in."],
      [6, "uid", "uid is too long: write at most 36 characters."],
      [7, "expiresAt", "expiresAt is no date-time: write one such as 2026-01-31T12:00:00Z."],
      [
        8,
        null,
        "It has 3 cells where the heading has 6: quote texts that hold the separator, fill up with empty cells.",
      ],
      // The row before takes two lines.
      [11, "whitelist", "whitelist is none of the known words: write ALWAYS, ALLOWED, ALLOWED_OFFLINE, NEVER."],
    ]);
    expect(report).toMatchObject({ code: 1, created: 2, refused: 7 });
    expect(await held("token")).toEqual(["good-1", "two\nlines"]);
  });

  test("stations; a password is not repeated", async () => {
    const csv = file(
      "stations.csv",
      "id,password,securityProfile,acceptance\nCP-1,long-enough-secret,1,\nCP:2,,,\nCP-3,short,,\nCP-4,,9,\nCP-5,,,perhaps\nCP-6,,one,\n",
    );
    const report = await imported("station", "import", csv);
    expect(refusals(report)).toEqual([
      [3, "id", expect.stringContaining("A station's id has 1 to 48 characters")],
      [4, "password", expect.stringMatching(/^password is too short: write at least \d+ characters\.$/)],
      [5, "securityProfile", expect.stringMatching(/^securityProfile is too large: write \d or less\.$/)],
      [6, "acceptance", expect.stringContaining("write accepted, pending, rejected")],
      [7, "securityProfile", "securityProfile is a number, not one."],
    ]);
    expect(await held("station")).toEqual(["CP-1"]);
  });

  test("public keys of meters, a line each", async () => {
    const { publicKey: key } = keba;
    const csv = file(
      "meter-keys.csv",
      [
        "id,calibrated,publicKey,evseId,meter,validFrom,validUntil",
        `CP-1,true,${brainpool.publicKey},1,12345678,,2023-01-01T00:00:00Z`,
        `CP-2,,${key},,,,`,
        `CP-1,,${key},1,17619300,2023-01-01T00:00:00Z,`,
        "CP-3,true,,,,,",
        `CP-4,,${key},,,,`,
        "CP-4,,3059,,,,",
        `CP-5,,${key},first,,,`,
      ].join("\n"),
    );
    const report = await imported("meter-keys", "import", csv);
    expect(refusals(report)).toEqual([
      [7, "publicKey", expect.stringContaining("is no public key of an elliptic curve")],
      [8, "evseId", "evseId is a number, not first."],
    ]);
    expect(report).toMatchObject({ created: 3, refused: 2 });
    const { out } = await wattlog("meter-keys", "show", "CP-1", "--json");
    expect(JSON.parse(out)).toEqual({
      id: "CP-1",
      calibrated: true,
      keys: [
        { publicKey: brainpool.publicKey, evseId: 1, meter: "12345678", validUntil: "2023-01-01T00:00:00Z" },
        { publicKey: key, evseId: 1, meter: "17619300", validFrom: "2023-01-01T00:00:00Z" },
      ],
    });
    // Billed by signed values alone, and no key yet.
    expect(JSON.parse((await wattlog("meter-keys", "show", "CP-3", "--json")).out)).toMatchObject({ calibrated: true });
  });

  test("prices and connectors, whose place in the document is not their column", async () => {
    const tariffs = file(
      "tariffs.csv",
      "id,currency,energy,time,vat\nT1,EUR,0.30,,19\nT2,EUR,0.30,much,19\nT3,EUR,0.30,,high\n",
    );
    expect(refusals(await imported("tariff", "import", tariffs))).toEqual([
      [3, "time", "price has the wrong form: write a decimal number such as 0.30."],
      [4, "vat", "vat has the wrong form: write a decimal number such as 0.30."],
    ]);
    const locations = file(
      "locations.csv",
      "id,country,evseUid,connector,stationId\nL1,DEU,E1,1,CP-1\nL1,DEU,E2,1,CP-1\nL1,DEU,E1,2,not a station\nL2,Germany,E1,1,CP-2\n",
    );
    expect(refusals(await imported("location", "import", locations))).toEqual([
      // The second connector of the first EVSE, which is not the second line of the location.
      [4, "stationId", expect.stringContaining("stationId has the wrong form")],
      [5, "country", expect.stringContaining("country has the wrong form")],
    ]);
  });

  test("in a file of its own, as CSV, and the first ones on the terminal", async () => {
    const ids = Array.from({ length: 30 }, (_, at) => `FILE-${at},${at % 10 === 0 ? "true" : "no, never"}`);
    const csv = file(
      "many.csv",
      `uid;valid\n${ids.join("\n").replaceAll(",", ";")}\n`.replaceAll("no; never", '"no, never"'),
    );
    const report = join(folder, "report.csv");
    const { code, out, err } = await wattlog("token", "import", csv, "--report", report);
    expect([code, err]).toEqual([1, expect.stringContaining("3 created, 0 changed, 0 unchanged, 27 refused, of 30.")]);
    expect(out.trim().split("\n")).toHaveLength(1 + 20);
    expect(err).toContain(`… and 7 more; ${report} has them all.`);
    const lines = readFileSync(report, "utf8").trim().split("\n");
    expect(lines.slice(0, 3)).toEqual([
      "line,column,id,result,reason",
      "2,,FILE-0,created,",
      '3,valid,FILE-1,refused,"valid is true or false, not no, never."',
    ]);
    expect(lines).toHaveLength(1 + 30);
    expect((await wattlog("token", "import", csv, "--report", join(folder, "none", "r.csv"))).code).toBe(2);
  });
});

test("a dry run checks every row and changes nothing", async () => {
  const csv = file("dry.csv", "uid,valid\nDRY-1,true\nDRY-2,perhaps\nDRY-1,false\nDRY-3,true\n");
  const before = await changes();
  const dry = await imported("token", "import", csv, "--dry-run");
  expect(dry).toMatchObject({ code: 1, created: 2, changed: 1, unchanged: 0, refused: 1, dryRun: true });
  expect(refusals(dry)).toEqual([[3, "valid", "valid is true or false, not perhaps."]]);
  expect(await changes()).toBe(before);
  const { rows, ...counts } = await imported("token", "import", csv);
  expect([rows, counts]).toEqual([dry.rows, { ...counts, created: 2, changed: 1, refused: 1, dryRun: false }]);
  expect(await changes()).toBe(before + 3);
});

test("an import that is repeated changes nothing, stations with passwords among them; one that differs changes what differs", async () => {
  const count = 2_500;
  const tokens = (from: number) =>
    Array.from({ length: count }, (_, at) => `REP-${String(at).padStart(5, "0")},${at >= from}`).join("\n");
  const csv = file("repeat.csv", `uid,valid\n${tokens(0)}\n`);
  expect(await imported("token", "import", csv)).toMatchObject({ code: 0, created: count, refused: 0 });
  const stations = file("repeat-stations.csv", "id,password\nREP-A,the-same-password\nREP-B,\n");
  expect(await imported("station", "import", stations)).toMatchObject({ code: 0, created: 2 });
  const before = await changes();
  expect(await imported("token", "import", csv)).toMatchObject({ code: 0, created: 0, changed: 0, unchanged: count });
  expect(await imported("station", "import", stations)).toMatchObject({ code: 0, unchanged: 2 });
  expect(await changes()).toBe(before);
  const other = file("other.csv", `uid,valid\n${tokens(10)}\n`);
  expect(await imported("token", "import", other)).toMatchObject({ code: 0, changed: 10, unchanged: count - 10 });
  expect(await changes()).toBe(before + 10);
});

test("a terminal is told how far it is, and the line is taken away at the end", async () => {
  const ids = Array.from({ length: 1_500 }, (_, at) => `PROGRESS-${at}`);
  const csv = file("progress.csv", `uid\n${ids.join("\n")}\n`);
  const tty = Object.getOwnPropertyDescriptor(process.stderr, "isTTY");
  Object.defineProperty(process.stderr, "isTTY", { value: true, configurable: true });
  try {
    const { err } = await wattlog("token", "import", csv);
    const lines = err.split("\r\u001B[K");
    expect(lines.filter((line) => /^\d+ rows, \d+ a second, \d+:\d\d left$/.test(line))).not.toEqual([]);
    expect(lines.at(-1)).toMatch(/^1500 created, /);
  } finally {
    if (tty) Object.defineProperty(process.stderr, "isTTY", tty);
    else Reflect.deleteProperty(process.stderr, "isTTY");
  }
});

test("a file whose columns nobody knows is refused before anything is written", async () => {
  const before = await changes();
  for (const [text, says] of [
    ["uid,colour\nA,red\n", '"colour" that nobody knows'],
    ["uid,uid\nA,B\n", "twice"],
    ["contractId\nA\n", "no column uid"],
  ] as const) {
    const { code, err } = await wattlog("token", "import", file("odd.csv", text));
    expect([code, err]).toEqual([2, expect.stringContaining(says)]);
  }
  expect(await changes()).toBe(before);
});
