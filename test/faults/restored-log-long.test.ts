// The row of the fault matrix whose log is another one afterwards (rules B4, B5): a cluster of its own, and one process.
import { cpSync, readdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

import { readJournal } from "../../bench/fleet/journal.ts";
import { openKafkaJsLog } from "../../core/log/log-kafka.ts";
import { makeTopics, type EventLog } from "../../core/log/log.ts";
import { decodeRecord } from "../../core/records/codec.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import { ownServer } from "../../tools/servers/ensure.ts";
import { useOwnCluster, type OwnCluster } from "../cluster/own-cluster.ts";
import { runCommand } from "../harness/cli.ts";
import { startFleet, type FleetRun } from "../harness/fleet.ts";
import { framesOf } from "../harness/gateway.ts";
import { connectionTo } from "../harness/kafka.ts";
import { tempFolder } from "../harness/paths.ts";
import { bootedStation } from "../harness/station.ts";
import { eventually, sleep } from "../harness/wait.ts";
import { startWattlog } from "../harness/wattlog.ts";
import { mirror } from "./mirror.ts";
import { fleetWords } from "./load.ts";

const partitions = 3;
const cluster = useOwnCluster({ roles: ["gateway", "processor", "projector", "api"], partitions });

interface LostItem {
  readonly station: string;
  readonly kind: string;
  readonly id: string;
  readonly what: { readonly source: string; readonly first: number; readonly last: number };
}

interface Restored {
  readonly ends: readonly { readonly role: string; readonly why: string }[];
  readonly lost: { readonly items: readonly LostItem[] };
}

async function run(words: readonly string[], env: Readonly<Record<string, string>>, timeoutMs = 150_000) {
  const done = await runCommand(words, { env, timeoutMs });
  expect(done.code, `wattlog ${words.join(" ")}: ${done.stdout}\n${done.stderr}`).toBe(0);
  return done;
}

function fleetOf(prefix: string, journal: string, { gateways, processes }: OwnCluster): FleetRun {
  const target = { ocppUrl: gateways[0]!, httpUrl: processes.consoleUrl, token: processes.token };
  return startFleet(target, { ...fleetWords, stations: 12, prefix, seconds: 15, seed: 5, journal });
}

/** `station source/sequence` of each frame. */
function framesIn(items: readonly LostItem[]): Set<string> {
  const ids = new Set<string>();
  for (const { kind, station, what } of items) {
    if (kind !== "frames") continue;
    for (let n = what.first; n <= what.last; n++) ids.add(`${station} ${what.source}/${n}`);
  }
  return ids;
}

const nameOf = ({ station, source, sequence }: FrameRecord): string => `${station} ${source}/${sequence}`;

/** Those behind the ends of the copy, which it has nowhere. */
async function lostFrom(log: EventLog, ends: readonly number[]): Promise<readonly FrameRecord[]> {
  const survived = new Set<string>();
  const lost: FrameRecord[] = [];
  for (const [partition, end] of ends.entries()) {
    const to = await log.endOffset(log.topics.frames, partition);
    for await (const { records } of log.read(log.topics.frames, partition, 0, to)) {
      for (const { offset, value } of records) {
        const record = decodeRecord(value);
        if (offset < end) survived.add(nameOf(record));
        else lost.push(record);
      }
    }
  }
  return lost.filter((record) => !survived.has(nameOf(record)));
}

async function isFolded(own: OwnCluster, log: EventLog): Promise<boolean> {
  const rows = await own.query("select partition, next from position where role = 'processor' order by partition");
  const ends = await Promise.all(rows.map((_, partition) => log.endOffset(log.topics.frames, partition)));
  return rows.length === partitions && rows.every(({ next }, at) => Number(next) === ends[at]);
}

async function logTimes(own: OwnCluster): Promise<number[]> {
  const rows = await own.query("select log_time from position where role = 'processor' order by partition");
  return rows.map((row) => Number(row["log_time"]));
}

/** Of the last records of the copy, in the log that it was made of. */
async function lastTimes(log: EventLog, ends: readonly number[]): Promise<number[]> {
  const times: number[] = [];
  for (const [partition, end] of ends.entries()) {
    for await (const { records } of log.read(log.topics.frames, partition, end - 1, end))
      times.push(records[0]!.logTime);
  }
  return times;
}

/** What the list names of connections is what was lost of them; of processes nothing that was lost is missing. */
async function expectListed(items: readonly LostItem[], lost: readonly FrameRecord[], all: readonly FrameRecord[]) {
  const connections = new Set(all.filter(({ kind }) => kind === "connected").map(({ source }) => String(source)));
  const listed = framesIn(items);
  const ofConnections = (names: Iterable<string>) =>
    [...names].filter((name) => connections.has(name.slice(name.indexOf(" ") + 1, name.lastIndexOf("/")))).toSorted();
  const wanted = lost.map(nameOf);
  expect(ofConnections(wanted).length).toBeGreaterThan(50);
  expect(ofConnections(listed)).toEqual(ofConnections(new Set(wanted)));
  expect(lost.filter((record) => record.station !== "" && !listed.has(nameOf(record))).map(nameOf)).toEqual([]);
}

/** The ledger's word: every CALL that was answered is in the log or on the list. */
async function expectLedgerTold(journal: string, items: readonly LostItem[], log: EventLog): Promise<void> {
  const there = new Set(
    (await framesOf(log)).flatMap((one) => (one.kind === "exchange" ? [`${one.source} ${one.messageId}`] : [])),
  );
  const sources = new Set(items.filter(({ kind }) => kind === "frames").map(({ what }) => what.source));
  let lost = 0;
  for await (const line of readJournal(journal)) {
    if (line.kind !== "answer" || there.has(`${line.conn} ${line.id}`)) continue;
    lost += 1;
    expect(sources, `${line.station} was answered ${line.id}`).toContain(line.conn);
  }
  expect(lost, "answered CALLs that were lost").toBeGreaterThan(20);
}

async function charge(url: string, id: string, meterStart: number): Promise<void> {
  await using station = await bootedStation({ url, id });
  const start = { connectorId: 1, idTag: "TAG", meterStart, timestamp: new Date().toISOString() };
  const { transactionId } = await station.call<{ transactionId: number }>("StartTransaction", start);
  const stop = { transactionId, timestamp: new Date().toISOString(), meterStop: meterStart + 3_000 };
  await station.call("StopTransaction", stop);
}

test("partitions grown under load; failover to a mirrored cluster; log restored to an earlier hour", async () => {
  using before = tempFolder("before-journal");
  using after = tempFolder("after-journal");
  const own = cluster();
  const { processes } = own;
  const names = processes.processes.map(({ name }) => name);
  await fleetOf("OLD", before.path, own).summary(120_000);

  const open = (brokers: readonly string[]) =>
    openKafkaJsLog({ connection: connectionTo({ brokers }), topics: makeTopics(1, partitions) });
  const copy = await ownServer("kafka");
  const [source, target] = [open(own.environment["KAFKA_BROKERS"]!.split(",")), open(copy.server.brokers)];
  try {
    // A list can only tell what the tables knew.
    await eventually("all to be folded", () => isFolded(own, source), { timeoutMs: 60_000 });
    // The site is gone, and the mirror had not caught up.
    for (const name of names) await processes.end(name, "SIGKILL");
    const ends = await mirror(source, copy.server.brokers, { frames: 0.7, events: 0.4 });
    const env = { ...own.environment, KAFKA_BROKERS: copy.server.brokers.join(",") };
    await run(["topics"], env);
    await run(["migrate", "--new-log"], env);
    const { stdout } = await run(["rebuild", "--restored", "--json"], env);
    const { ends: beyond, lost } = JSON.parse(stdout) as Restored;
    expect(beyond.filter(({ role, why }) => role === "processor" && why === "shorter")).toHaveLength(partitions);
    expect(await logTimes(own), "the copy keeps log times (rule T1)").toEqual(await lastTimes(source, ends));
    await expectListed(lost.items, await lostFrom(source, ends), await framesOf(source));
    await expectLedgerTold(before.path, lost.items, target);

    // As the page for operators has it: folds, then the next generation, then whoever writes.
    const start = (role: string) =>
      Promise.all(names.filter((name) => name.startsWith(role)).map((name) => processes.start(name, env)));
    await Promise.all([start("processor"), start("projector")]);
    await run(["topics", "--new-generation"], env);
    await Promise.all([start("gateway"), start("api")]);
    const known = [...new Set(lost.items.map(({ station }) => station))].filter((id) => id.startsWith("OLD"));
    expect(known.length).toBeGreaterThan(5);
    for (const [n, id] of known.slice(0, 3).entries()) await charge(own.gateways[0]!, id, 1_000_000 + n);

    const fleet = fleetOf("NEW", after.path, own);
    await sleep(4_000);
    await run(["topics", "--new-generation", "--partitions", "5"], env);
    const summary = await fleet.summary(150_000);
    expect(summary.unanswered).toBe(0);
    expect(summary.sessionsSettled).toBeGreaterThan(5);
    const { stdout: verified } = await run(["verify", "--journal", after.path, "--settle", "60"], env);
    expect(verified).toMatch(/L4/);
  } finally {
    await Promise.all([source.close(), target.close()]);
    for (const name of names) await processes.end(name, "SIGKILL");
    await copy.end();
  }
}, 420_000);

test("B5: in one process the log of an earlier hour is put back under newer tables: what was lost is listed, stations charge on", async () => {
  using data = tempFolder("restored");
  using backup = tempFolder("backup");
  const files = (folder: string) => readdirSync(folder).filter((name) => name.startsWith("log.db"));
  const env = { WATTLOG_DATA_DIR: data.path };
  const charged = async (id: string, meterStart: number) => {
    const running = await startWattlog({ folder: data.path });
    await charge(running.ocppUrl, id, meterStart);
    await eventually("the CDR", async () => (await running.rest.all(`/cdrs?station=${id}`)).length > 0);
    await running.stop();
  };
  await charged("CP-1", 1_000);
  for (const name of files(data.path)) cpSync(join(data.path, name), join(backup.path, name));
  await charged("CP-2", 2_000);
  for (const name of files(data.path)) rmSync(join(data.path, name));
  for (const name of files(backup.path)) cpSync(join(backup.path, name), join(data.path, name));

  const { stdout } = await run(["rebuild", "--restored", "--csv"], env);
  const lines = stdout
    .trim()
    .split("\r\n")
    .map((line) => line.split(","));
  const of = (kind: string) => lines.filter((cells) => cells[3] === kind);
  expect(of("frames").length).toBeGreaterThan(4);
  expect(new Set(of("frames").map((cells) => cells[2]))).toEqual(new Set(["CP-2"]));
  expect([of("session"), of("cdr")].map((rows) => rows.map((cells) => cells[2]))).toEqual([["CP-2"], ["CP-2"]]);
  expect((await run(["rebuild", "--lost", "--csv"], env)).stdout).toBe(stdout);
  expect((await run(["rebuild", "--lost"], env)).stdout).toMatch(/^CP-2 +cdr /m);
  expect((await run(["rebuild", "--restored"], env)).stderr).toMatch(/nothing was lost, and nothing was changed/);
  await run(["rebuild", "--compare-only"], env);
  await charged("CP-2", 3_000);
  await run(["rebuild", "--compare-only"], env);
}, 180_000);
