// What the disk and the kernel may do to the embedded log: nothing that was acknowledged is ever lost.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, expect, test } from "vitest";

import { isWattlogError } from "../runtime/errors.ts";
import { EmbeddedLogServer } from "./log-embedded-server.ts";
import { EmbeddedLog, openLogReadOnly } from "./log-embedded.ts";
import { entry, readAll } from "./log.contract.ts";
import { makeTopics } from "./log.ts";

const childPath = fileURLToPath(new URL("./log-embedded-child.ts", import.meta.url));
const topics = makeTopics(1, 4);

interface Acked {
  readonly partition: number;
  readonly offset: number;
  readonly value: string;
  readonly ms: number;
}

interface Run {
  readonly acked: Acked[];
  readonly failed: string[];
  /** Resolves when `enough` says so; then kill. */
  until(enough: (run: Run) => boolean): Promise<void>;
  kill(): Promise<void>;
}

function runChild(folder: string, prefix: string, strace: readonly string[] = []): Run {
  const command = [...strace, process.execPath, childPath, folder, prefix];
  const child = spawn(command[0]!, command.slice(1), { stdio: ["ignore", "pipe", "pipe"], detached: true });
  let problem = "";
  child.stderr.on("data", (data: Buffer) => (problem += data.toString()));
  const acked: Acked[] = [];
  const failed: string[] = [];
  let look = (): void => {};
  createInterface({ input: child.stdout }).on("line", (line) => {
    const [word, ...rest] = line.split(" ");
    if (word === "ack") acked.push({ partition: +rest[0]!, offset: +rest[1]!, value: rest[2]!, ms: +rest[3]! });
    if (word === "fail") failed.push(rest[0]!);
    look();
  });
  const run: Run = {
    acked,
    failed,
    until: (enough) =>
      new Promise((resolve, reject) => {
        child.once("exit", (code) => reject(new Error(`The child ended by itself with ${code}: ${problem}`)));
        look = () => {
          if (enough(run)) resolve();
        };
        look();
      }),
    kill: () => killGroup(child),
  };
  return run;
}

/** The group: strace and the process under it. The output is read to its end, so every acknowledgement is known. */
async function killGroup(child: ChildProcess): Promise<void> {
  const closed = new Promise((resolve) => child.once("close", resolve));
  process.kill(-child.pid!, "SIGKILL");
  await closed;
}

async function expectStored(folder: string, acked: readonly Acked[]): Promise<void> {
  const server = await EmbeddedLogServer.start({ folder, topics });
  const log = EmbeddedLog.attach({ port: server.connect(), folder, topics });
  for (let partition = 0; partition < topics.frames.partitions; partition++) {
    const records = await readAll(log, partition);
    expect(records.map(({ offset }) => offset)).toEqual(records.map((_, i) => i));
    const stored = records.map(({ value }) => Buffer.from(value).toString());
    expect(new Set(stored).size).toBe(stored.length);
    const mine = acked.filter((one) => one.partition === partition);
    expect(mine.map(({ offset }) => stored[offset])).toEqual(mine.map(({ value }) => value));
  }
  await log.close();
  await server.close();
}

let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "wattlog-faults-"));
});

afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

test("kill -9 under load, six times over: every acknowledged record is there, at its offset, once", async () => {
  const acked: Acked[] = [];
  for (let round = 0; round < 6; round++) {
    const child = runChild(folder, `r${round}`);
    const enough = 40 + round * 97;
    await child.until((run) => run.acked.length >= enough);
    await child.kill();
    acked.push(...child.acked);
    await expectReadableWithoutWriter(folder, acked);
    await expectStored(folder, acked);
  }
  expect(acked.length).toBeGreaterThan(1000);
}, 60_000);

async function expectReadableWithoutWriter(path: string, acked: readonly Acked[]): Promise<void> {
  const log = openLogReadOnly(path);
  const last = acked.at(-1)!;
  const [record] = await readAll(log, last.partition, last.offset, last.offset + 1);
  expect(Buffer.from(record!.value).toString()).toBe(last.value);
  await log.close();
}

const straceMissing = spawnSync("strace", ["-e", "trace=fsync", "true"]).status !== 0;
const needsStrace = "needs strace: apt-get install strace";

function straceOf(inject: string): string[] {
  return ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fsync,fdatasync", "-e", `inject=${inject}`];
}

test("no append is acknowledged before its sync has ended", async (context) => {
  context.skip(straceMissing, needsStrace);
  const child = runChild(folder, "slow", straceOf("fsync,fdatasync:delay_enter=50000"));
  await child.until((run) => run.acked.length >= 40);
  await child.kill();
  expect(Math.min(...child.acked.map(({ ms }) => ms))).toBeGreaterThanOrEqual(50);
}, 60_000);

test("a failed sync acknowledges nothing; afterwards the log goes on and holds what it acknowledged", async (context) => {
  context.skip(straceMissing, needsStrace);
  const child = runChild(folder, "eio", straceOf("fsync,fdatasync:error=EIO:when=60..64"));
  await child.until((run) => run.failed.length > 0);
  const before = child.acked.length;
  await child.until((run) => run.acked.length >= before + 200);
  await child.kill();
  expect(new Set(child.failed)).toEqual(new Set(["log/unavailable"]));
  await expectStored(folder, child.acked);
}, 60_000);

test("while every sync fails nothing is acknowledged at all", async (context) => {
  context.skip(straceMissing, needsStrace);
  const child = runChild(folder, "dead", straceOf("fsync,fdatasync:error=EIO:when=60+"));
  await child.until((run) => run.failed.length > 0);
  const before = child.acked.length;
  await child.until((run) => run.failed.length >= 60);
  await child.kill();
  expect(child.acked.length).toBe(before);
  await expectStored(folder, child.acked);
}, 60_000);

function mountSmallDisk(path: string): string | undefined {
  if (process.getuid?.() !== 0) return "needs root, to mount a small tmpfs";
  mkdirSync(path);
  const mounted = spawnSync("mount", ["-t", "tmpfs", "-o", "size=12m", "tmpfs", path]);
  return mounted.status === 0 ? undefined : `needs the right to mount a tmpfs: ${String(mounted.stderr).trim()}`;
}

test("a full disk refuses appends, loses nothing, and the log recovers when there is room", async (context) => {
  const disk = join(folder, "disk");
  const obstacle = mountSmallDisk(disk);
  context.skip(obstacle !== undefined, obstacle ?? "");
  try {
    expect(await fillAndRecover(disk)).toEqual({ lost: [], recovered: true });
  } finally {
    spawnSync("umount", ["-l", disk]);
  }
}, 60_000);

interface Recovery {
  /** Offsets that were acknowledged and do not hold what was appended. */
  readonly lost: readonly number[];
  readonly recovered: boolean;
}

async function fillAndRecover(disk: string): Promise<Recovery> {
  const ballast = join(disk, "ballast");
  writeFileSync(ballast, new Uint8Array(6 * 1024 * 1024));
  const problems: (string | undefined)[] = [];
  const hooks = { onProblem: (problem: string | undefined) => problems.push(problem) };
  const server = await EmbeddedLogServer.start({ folder: disk, topics, hooks });
  const log = EmbeddedLog.attach({ port: server.connect(), folder: disk, topics });
  const append = (i: number) =>
    log.append(topics.frames, 0, [entry(`k${i}`, new Uint8Array(50_000).fill(i))]).then(
      ({ baseOffset }) => acked.push([baseOffset, i]),
      (error: unknown) => {
        expect(isWattlogError(error, "log/unavailable")).toBe(true);
        counts.refused++;
      },
    );
  const acked: [offset: number, i: number][] = [];
  const counts = { refused: 0 };
  for (let i = 0; counts.refused < 5; i++) await append(i);
  expect(server.problem).toContain("full");
  const before = acked.length;
  expect(before).toBeGreaterThan(10);
  rmSync(ballast);
  for (let i = 1000; acked.length < before + 5; i++) await append(i);
  const recovered = problems.at(-1) === undefined && server.problem === undefined;
  const records = await readAll(log, 0);
  await log.close();
  await server.close();
  return { lost: acked.filter(([offset, i]) => records[offset]?.key !== `k${i}`).map(([offset]) => offset), recovered };
}
