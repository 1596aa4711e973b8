// The row "log retention passed half of the topic" of the fault matrix: under load the log is archived and gives up most of
// itself; then everything that goes back to the beginning is asked for. The same for one process and for a cluster.
import { expect } from "vitest";

import { runCommand } from "../harness/cli.ts";
import { startFleet, type FleetTarget } from "../harness/fleet.ts";
import { tempFolder } from "../harness/paths.ts";
import type { Rest } from "../harness/rest.ts";
import { eventually, lastAnswer, sleep } from "../harness/wait.ts";
import type { Metrics } from "../harness/wattlog.ts";

/** What a test of retention wants that differs from a user's start: an archive at once, and nothing kept beside it. */
export const eager = { WATTLOG_ARCHIVE_EVERY_SECONDS: "1", WATTLOG_LOG_KEEP_HOURS: "0" } as const;

export interface RetentionWorld {
  readonly target: FleetTarget;
  readonly rest: Rest;
  /** Of the process that archives. */
  metrics(): Promise<Metrics>;
  /** For commands of the command line; names the archive too. */
  readonly environment: Readonly<Record<string, string>>;
  /** kill -9 of the process that archives, and a new start. */
  killArchiver(): Promise<void>;
}

const frames = 'topic="ocpp.frames.g1"';
const prefix = "KEEP";
const stations = 10;
const moreMs = 2_000;

/** Offsets of `ocpp.frames`, summed over its partitions. */
async function retained(world: RetentionWorld) {
  const metrics = await world.metrics();
  const sum = (name: string): number => {
    let total = 0;
    for (const [series, value] of metrics) if (series.startsWith(`${name}{`) && series.includes(frames)) total += value;
    return total;
  };
  const archived = sum("wattlog_archived_offset");
  return { archived, trimmed: sum("wattlog_log_trimmed_offset"), end: archived + sum("wattlog_archive_lag_records") };
}

async function halfTrimmed(world: RetentionWorld, atLeast: number): Promise<void> {
  const { archived, trimmed } = await eventually(
    `the log to give up half of ${atLeast} frames and more`,
    async () => {
      const found = await retained(world);
      return ((found.end >= atLeast && found.trimmed * 2 > found.end) || found.trimmed > found.archived) && found;
    },
    { timeoutMs: 90_000, everyMs: 200 },
  );
  expect(trimmed, "what was given up, against what the manifest holds").toBeLessThanOrEqual(archived);
}

/** Load, archive, trim, kill, load again; then rebuild, ledger, and the frames of a station from its first one on. */
export async function expectRetained(world: RetentionWorld): Promise<void> {
  using journal = tempFolder("retention-journal");
  const fleet = startFleet(world.target, {
    prefix,
    stations,
    seconds: 3_600,
    speed: 400,
    commands: 2,
    repeat: 0.05,
    reconnect: 0.05,
    disorder: 0.05,
    offline: 0.05,
    grace: 60,
    "message-timeout": 5,
    "retry-interval": 0.2,
    "reconnect-max": 1,
    "retry-after-max": 1,
    "command-timeout": 5,
    journal: journal.path,
  });
  try {
    await halfTrimmed(world, 500);
    await world.killArchiver();
    const { end } = await retained(world);
    await sleep(moreMs);
    await halfTrimmed(world, end + 200);
    fleet.child.signal("SIGTERM");
    const { sessionsSettled } = await fleet.summary(120_000);
    expect(sessionsSettled, "sessions that ran to their end").toBeGreaterThan(5);
  } finally {
    fleet.child.signal("SIGKILL");
  }
  await checkLedger(world, journal.path);
  await checkRebuild(world);
  await checkFrames(world);
  await checkWithoutArchive(world);
  const { trimmed, end } = await retained(world);
  expect(trimmed * 2, "what was given up, all that while").toBeGreaterThan(end);
}

async function checkLedger({ environment: env }: RetentionWorld, journal: string): Promise<void> {
  const { code, stdout, stderr } = await runCommand(["verify", "--journal", journal], { env, timeoutMs: 120_000 });
  expect(code, `verify said ${stdout}\n${stderr}`).toBe(0);
}

async function checkRebuild({ environment: env }: RetentionWorld): Promise<void> {
  const rebuilt = await runCommand(["rebuild", "--compare-only", "--json"], { env, timeoutMs: 120_000 });
  expect(rebuilt.code, `rebuild said ${rebuilt.stdout.slice(-4000)}\n${rebuilt.stderr}`).toBe(0);
  const { ok, rows } = JSON.parse(rebuilt.stdout) as { ok: boolean; rows: number };
  expect(ok).toBe(true);
  expect(rows).toBeGreaterThan(100);
}

interface Frame {
  readonly action?: string;
  readonly offset: number;
}

/** A station's frames by REST and by the command line, from its first one on, which the log has given up. */
async function checkFrames({ rest, environment: env }: RetentionWorld): Promise<void> {
  const [station] = await rest.all<{ readonly id: string }>("/stations");
  const { code, stdout, stderr } = await runCommand(["log", "--station", station!.id, "--json"], { env });
  expect(code, `log said ${stderr}`).toBe(0);
  const byCommand = JSON.parse(stdout) as Frame[];
  const offsets = byCommand.map(({ offset }) => offset);
  // A tick may come between the two looks.
  const last = offsets.at(-1) ?? -1;
  const byRest = async () =>
    (await rest.all<Frame>(`/frames?station=${station!.id}`))
      .map(({ offset }) => offset)
      .filter((offset) => offset <= last)
      .toSorted((a, b) => a - b);
  expect(await lastAnswer(byRest, (found) => found.length >= offsets.length)).toEqual(offsets);
  expect(offsets.length).toBeGreaterThan(20);
}

/** What the log has given up is missing without the archive, and that is said: nothing begins elsewhere. */
async function checkWithoutArchive({ environment }: RetentionWorld): Promise<void> {
  const env = { ...environment, WATTLOG_ARCHIVE: "", WATTLOG_ARCHIVE_S3_ENDPOINT: "" };
  const { code, stdout, stderr } = await runCommand(["rebuild", "--compare-only"], { env, timeoutMs: 120_000 });
  expect(code, `rebuild said ${stdout}\n${stderr}`).toBe(1);
  expect(stderr).toMatch(/WATTLOG_ARCHIVE/);
}
