// Lists that are imported while a station charges: it is answered meanwhile, and what was imported decides within 2 s (rule R3).
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

import { runCommand } from "../harness/cli.ts";
import { tempFolder } from "../harness/paths.ts";
import { bootedStation, type TestStation } from "../harness/station.ts";
import { onEachSystem } from "../harness/system.ts";
import { eventually, sleep } from "../harness/wait.ts";
import { startWattlog } from "../harness/wattlog.ts";

/** rule R3 */
const followMs = 2_000;
/** A station's own patience is longer; a gateway that stood still would be seen. */
const answerMs = 5_000;
/** A station asks so often at least while rows come in. */
const asked = 4;

async function statusOf(station: TestStation, idTag: string): Promise<string> {
  const { idTagInfo } = await station.call<{ idTagInfo: { status: string } }>("Authorize", { idTag });
  return idTagInfo.status;
}

/** Below what one station may send. */
const everyMs = 50;

/** Asks until it is disposed of; each answer's time in ms. */
function askMeanwhile(station: TestStation, idTag: string) {
  const times: number[] = [];
  const end = new AbortController();
  const ask = async () => {
    while (!end.signal.aborted) {
      const from = performance.now();
      await statusOf(station, idTag);
      times.push(performance.now() - from);
      await sleep(everyMs);
    }
  };
  const done = ask();
  // Whoever disposes of it learns why it ended.
  done.catch(() => undefined);
  return {
    times,
    async [Symbol.asyncDispose]() {
      end.abort();
      await done;
    },
  };
}

interface Verdicts {
  readonly rows: readonly { readonly id: string; readonly result: string }[];
}

onEachSystem("tokens that are imported", (system) => {
  test("R3: decide within 2 s of the answer, and those that are imported as blocked do so too", async () => {
    const { rest, gateways, place } = system();
    const name = `IMPORTED-${place === "one process" ? 1 : 2}`;
    const rows = (valid: boolean) =>
      Array.from({ length: 1_000 }, (_, at) => ({
        uid: `${name}-${at}`,
        type: "RFID",
        contractId: `C-${at}`,
        valid,
        whitelist: "ALLOWED",
      }));
    await using station = await bootedStation({ url: gateways.at(-1)!.url, id: `${name}-CP` });
    await using meanwhile = askMeanwhile(station, `${name}-0`);
    // As created, then as changed, until enough was asked meanwhile: a quick machine has imported them before that.
    for (let round = 0; round < 2 || meanwhile.times.length < asked; round += 1) {
      const valid = round % 2 === 0;
      const { rows: verdicts } = await rest.post<Verdicts>("/tokens/import", rows(valid));
      const answered = performance.now();
      const result = round === 0 ? "created" : "changed";
      expect(verdicts.map((verdict) => verdict.result)).toEqual(Array(1_000).fill(result));
      const status = valid ? "Accepted" : "Blocked";
      await eventually("the gateway to know", async () => (await statusOf(station, `${name}-999`)) === status, {
        timeoutMs: followMs,
        everyMs,
      });
      expect(performance.now() - answered).toBeLessThan(followMs);
    }
    expect(Math.max(...meanwhile.times)).toBeLessThan(answerMs);
  });
});

test("wattlog station and token import on one process: beside a running wattlog that answers its stations meanwhile", async () => {
  using folder = tempFolder("import");
  await using running = await startWattlog({
    folder: join(folder.path, "data"),
    env: { WATTLOG_UNKNOWN_TOKENS: "reject" },
  });
  const env = { WATTLOG_DATA_DIR: running.folder };
  const count = 10_000;
  const csv = (name: string, heading: string, row: (at: number) => string) => {
    const path = join(folder.path, name);
    writeFileSync(path, `${heading}\n${Array.from({ length: count }, (_, at) => row(at)).join("\n")}\n`);
    return path;
  };
  const stations = csv("stations.csv", "id,password", (at) => `CP-${at},secret-of-${String(at).padStart(8, "0")}`);
  const tokens = csv("tokens.csv", "uid,valid", (at) => `TAG-${at},${at === 7 ? "perhaps" : at % 2 === 0}`);
  await using station = await bootedStation({ url: running.ocppUrl, id: "ASKER" });
  await using meanwhile = askMeanwhile(station, "TAG-0");
  const dry = await runCommand(["token", "import", tokens, "--dry-run"], { env });
  expect([dry.code, dry.stderr]).toEqual([
    1,
    expect.stringContaining(`${count - 1} created, 0 changed, 0 unchanged, 1 refused`),
  ]);
  expect(await statusOf(station, "TAG-0")).not.toBe("Accepted");
  const first = await runCommand(["token", "import", tokens], { env });
  const ended = performance.now();
  expect([first.code, first.stderr]).toEqual([1, expect.stringContaining(`${count - 1} created`)]);
  expect(first.stdout).toMatch(/^ *9 +valid +TAG-7 +valid is true or false, not perhaps\.$/m);
  await eventually(
    "the last token to be known",
    async () => (await statusOf(station, `TAG-${count - 2}`)) === "Accepted",
    {
      timeoutMs: followMs,
      everyMs,
    },
  );
  expect(performance.now() - ended).toBeLessThan(followMs);
  expect(await statusOf(station, `TAG-${count - 1}`)).toBe("Blocked");
  expect((await runCommand(["station", "import", stations], { env })).stderr).toContain(`${count} created`);
  expect((await runCommand(["station", "import", stations], { env })).stderr).toContain(`${count} unchanged`);
  expect((await runCommand(["token", "import", tokens], { env })).stderr).toContain(
    `${count - 1} unchanged, 1 refused`,
  );
  expect(meanwhile.times.length).toBeGreaterThan(20);
  expect(Math.max(...meanwhile.times)).toBeLessThan(answerMs);
});
