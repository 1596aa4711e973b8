// A registry of a large operator: `node bench/registry.ts [--stations N] [--tokens N] [--folder FOLDER]`, by default 100 000 and
// 1 000 000. `wattlog station import` and `token import` beside a running wattlog, while a station asks for tokens; how far
// behind the log its gateway is; what the processes take; a repeat, a dry run and a restart.
import { createWriteStream, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { finished } from "node:stream/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";

import { commandFile } from "../test/harness/paths.ts";
import { Child as Program, cleanEnvironment } from "../test/harness/process.ts";
import { bootedStation, type TestStation } from "../test/harness/station.ts";
import { eventually } from "../test/harness/wait.ts";
import { startWattlog, type Running } from "../test/harness/wattlog.ts";
import { Child } from "./load/process.ts";
import type { Target } from "./load/targets.ts";
import { atMost, figure, machine, table, type Figure, type Goal } from "./report.ts";

const { values } = parseArgs({
  options: {
    stations: { type: "string", default: "100000" },
    tokens: { type: "string", default: "1000000" },
    folder: { type: "string", default: join(import.meta.dirname, "..", ".cache") },
  },
});
const counts = { stations: Number(values.stations), tokens: Number(values.tokens) };

/** One row in so many cannot be taken. */
const badEvery = 10_000;
const askEveryMs = 50;
const lookEveryMs = 500;
const followGoalMs = 2_000;
const answerGoalMs = 1_000;
const importerGoalMb = 400;
const minute = 60_000;

const tagOf = (at: number) => `04${at.toString(16).toUpperCase().padStart(12, "0")}`;
const stationOf = (at: number) => `DE*ABC*E${String(at).padStart(6, "0")}`;
const bad = (count: number) => Math.floor(count / badEvery);
const isBad = (at: number) => at % badEvery === badEvery - 1;

async function writeCsv(path: string, heading: string, count: number, row: (at: number) => string): Promise<string> {
  const file = createWriteStream(path);
  file.write(`${heading}\n`);
  for (let at = 0; at < count; at += 1_000) {
    const lines = Array.from({ length: Math.min(1_000, count - at) }, (_, i) => `${row(at + i)}\n`);
    if (!file.write(lines.join(""))) await once(file, "drain");
  }
  file.end();
  await finished(file);
  return path;
}

function rssMb(pid: number): number {
  const line = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/status`, "utf8"));
  return Number(line?.[1] ?? 0) / 1024;
}

interface Imported {
  readonly seconds: number;
  /** Highest of the importer, and of the wattlog that it talks to, MB. */
  readonly importerMb: number;
  readonly serverMb: number;
  readonly said: string;
}

async function runImport(running: Running, kind: string, file: string, ...more: readonly string[]): Promise<Imported> {
  const env = cleanEnvironment({ WATTLOG_DATA_DIR: running.folder });
  const program = new Program(process.execPath, [commandFile, kind, "import", file, ...more], { env });
  let [importerMb, serverMb] = [0, 0];
  while (program.exit === undefined) {
    serverMb = Math.max(serverMb, rssMb(running.pid));
    // It may end between two looks.
    try {
      importerMb = Math.max(importerMb, rssMb(program.pid));
    } catch {
      break;
    }
    await Promise.race([sleep(lookEveryMs), program.exited]);
  }
  await program.exited;
  const seconds = (performance.now() - program.startedAt) / 1_000;
  const said = program.stderr.trim().split("\n").at(-1) ?? "";
  console.error(
    `${kind} import ${more.join(" ")}: ${seconds.toFixed(1)} s, importer ${importerMb.toFixed(0)} MB, server ${serverMb.toFixed(0)} MB: ${said}`,
  );
  return { seconds, importerMb, serverMb, said };
}

function expectSaid({ said }: Imported, words: string): void {
  if (!said.includes(words)) throw new Error(`expected "${words}" in: ${said}`);
}

async function statusOf(station: TestStation, idTag: string): Promise<string> {
  const { idTagInfo } = await station.call<{ idTagInfo: { status: string } }>("Authorize", { idTag }, minute);
  return idTagInfo.status;
}

/** How long answers take, and how far the gateway is behind a change that REST has confirmed. */
class Asker {
  readonly answers: number[] = [];
  readonly behind: number[] = [];
  private readonly station: TestStation;
  private readonly running: Running;
  private asking = true;
  private readonly done: Promise<void>;

  constructor(station: TestStation, running: Running) {
    this.station = station;
    this.running = running;
    this.done = this.ask();
    this.done.catch((error: unknown) => console.error(error));
  }

  async stop(): Promise<void> {
    this.asking = false;
    await this.done;
  }

  private async ask(): Promise<void> {
    for (let valid = false; this.asking; valid = !valid) {
      const token = { uid: "CANARY", type: "RFID", contractId: "CANARY", valid, whitelist: "ALLOWED" };
      await this.running.rest.post("/tokens", token);
      const from = performance.now();
      while ((await this.timed()) !== (valid ? "Accepted" : "Blocked")) await sleep(askEveryMs);
      this.behind.push(performance.now() - from);
      for (let times = 0; times < 10 && this.asking; times++) {
        await sleep(askEveryMs);
        await this.timed();
      }
    }
  }

  private async timed(): Promise<string> {
    const from = performance.now();
    const status = await statusOf(this.station, "CANARY");
    this.answers.push(performance.now() - from);
    return status;
  }
}

const quantile = (list: readonly number[], q: number) =>
  list.toSorted((a, b) => a - b)[Math.min(list.length - 1, Math.floor(list.length * q))] ?? Number.NaN;

async function restarted(running: Running): Promise<{ next: Running; seconds: number; mb: number }> {
  await running.terminate(minute);
  const from = performance.now();
  const next = await startWattlog({ folder: running.folder, startTimeoutMs: 5 * minute });
  await eventually("ready", async () => (await fetch(`${next.adminUrl}/health/ready`)).ok, { timeoutMs: 5 * minute });
  const seconds = (performance.now() - from) / 1_000;
  await sleep(5_000);
  return { next, seconds, mb: rssMb(next.pid) };
}

/** Heap of a gateway alone, after a collection. */
async function gatewayHeapMb(folder: string): Promise<number> {
  const gateway = new Child<Target>("./gateway-server.ts", ["--expose-gc"]);
  try {
    await gateway.ask("start", { folder });
    return (await gateway.ask("memory")).heapUsed / 2 ** 20;
  } finally {
    await gateway.stop();
  }
}

/** Ended with the run, however that ends. */
let server: Running | undefined;

async function measure(scratch: string): Promise<{ goals: Goal[]; figures: Figure[] }> {
  const tokens = await writeCsv(join(scratch, "tokens.csv"), "uid,contractId,valid", counts.tokens, (at) =>
    [tagOf(at), `DE-ABC-C${String(at).padStart(8, "0")}`, isBad(at) ? "perhaps" : "true"].join(","),
  );
  const stations = await writeCsv(join(scratch, "stations.csv"), "id,password,securityProfile", counts.stations, (at) =>
    [stationOf(at), `secret-${String(at).padStart(9, "0")}`, isBad(at) ? "nine" : "1"].join(","),
  );
  const data = join(scratch, "data");
  const emptyHeap = await gatewayHeapMb(join(scratch, "empty"));
  let running = (server = await startWattlog({ folder: data }));
  const emptyMb = rssMb(running.pid);
  const taken = { stations: counts.stations - bad(counts.stations), tokens: counts.tokens - bad(counts.tokens) };
  const station = await bootedStation({ url: running.ocppUrl, id: "ASKER" });
  const asker = new Asker(station, running);
  const runs: Imported[] = [];
  try {
    const report = join(scratch, "report.csv");
    runs.push(await runImport(running, "station", stations));
    expectSaid(runs.at(-1)!, `${taken.stations} created, 0 changed, 0 unchanged, ${bad(counts.stations)} refused`);
    runs.push(await runImport(running, "token", tokens, "--dry-run"));
    expectSaid(runs.at(-1)!, `Dry run, nothing was written: ${taken.tokens} created`);
    runs.push(await runImport(running, "token", tokens, "--report", report));
    expectSaid(runs.at(-1)!, `${taken.tokens} created, 0 changed, 0 unchanged, ${bad(counts.tokens)} refused`);
    if (statSync(report).size < counts.tokens * 10) throw new Error("the report does not have every row");
    runs.push(await runImport(running, "token", tokens));
    expectSaid(runs.at(-1)!, `0 created, 0 changed, ${taken.tokens} unchanged, ${bad(counts.tokens)} refused`);
  } finally {
    await asker.stop();
  }
  for (const at of [0, counts.tokens >> 1, counts.tokens - 2]) {
    if ((await statusOf(station, tagOf(at))) !== "Accepted") throw new Error(`${tagOf(at)} is not known`);
  }
  const pageFrom = performance.now();
  await running.rest.get(`/tokens?limit=1000`);
  const firstPageMs = performance.now() - pageFrom;
  await station.close();
  const after = await restarted(running);
  running = server = after.next;
  await using again = await bootedStation({ url: running.ocppUrl, id: "ASKER" });
  if ((await statusOf(again, tagOf(1))) !== "Accepted")
    throw new Error("what was imported is not known after a restart");
  await running.terminate(minute);
  const heap = await gatewayHeapMb(data);
  const [stationRun, dry, tokenRun, repeat] = runs as [Imported, Imported, Imported, Imported];
  return {
    goals: [
      atMost(
        "gateway behind a confirmed change while rows come in, most (R3)",
        followGoalMs,
        Math.max(...asker.behind),
        "ms",
        asker.behind.map(Math.round),
      ),
      atMost("Authorize answered while rows come in, p99", answerGoalMs, quantile(asker.answers, 0.99), "ms", []),
      atMost("importing process, most", importerGoalMb, Math.max(...runs.map((run) => run.importerMb)), "MB", []),
    ],
    figures: [
      figure(`import of ${counts.stations} stations`, stationRun.seconds, "s"),
      figure(`dry run of ${counts.tokens} tokens`, dry.seconds, "s"),
      figure(`import of ${counts.tokens} tokens`, tokenRun.seconds, "s"),
      figure(`the same again, which changes nothing`, repeat.seconds, "s"),
      figure("Authorize while rows come in, p50", quantile(asker.answers, 0.5), "ms"),
      figure("Authorize while rows come in, most", Math.max(...asker.answers), "ms"),
      figure("Authorize while rows come in, asked", asker.answers.length, ""),
      figure("first page of 1000 tokens", firstPageMs, "ms"),
      figure("every role in the process, RSS without rows", emptyMb, "MB"),
      figure(
        "every role in the process, RSS at most while rows come in",
        Math.max(...runs.map((run) => run.serverMb)),
        "MB",
      ),
      figure("every role in the process, RSS after a restart", after.mb, "MB"),
      figure("restart until ready", after.seconds, "s"),
      figure("heap of a gateway alone, without rows", emptyHeap, "MB"),
      figure("heap of a gateway alone, with all rows", heap, "MB"),
    ],
  };
}

mkdirSync(values.folder, { recursive: true });
const scratch = mkdtempSync(join(resolve(values.folder), "bench-registry-"));
try {
  const outcome = await measure(scratch);
  process.stdout.write(table({ name: "registry", machine: machine(), date: new Date().toISOString(), ...outcome }));
} finally {
  await server?.stop();
  rmSync(scratch, { recursive: true, force: true });
}
