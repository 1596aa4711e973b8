// Machines whose clocks are an hour off: gateways, processors, projector and api, some ahead and some behind. What stations
// are told, what expires, when timers are due: all by the log's time; and each process tells of its clock.
import { join } from "node:path";

import { afterAll, beforeAll, beforeEach, expect, test } from "vitest";

import { limits } from "../../core/config/limits.ts";
import { logKey, trusted } from "../../core/ids/ids.ts";
import { openKafkaJsLog } from "../../core/log/log-kafka.ts";
import { makeTopics } from "../../core/log/log.ts";
import { partitionOf } from "../../core/log/partition.ts";
import { decodeRecord } from "../../core/records/codec.ts";
import { connectionTo } from "../harness/kafka.ts";
import { projectRoot } from "../harness/paths.ts";
import { Rest } from "../harness/rest.ts";
import { boot16, TestStation } from "../harness/station.ts";
import { eventually, lastAnswer, sleep } from "../harness/wait.ts";
import { clusterServers, RoleProcess, type ClusterServers } from "./cluster-servers.ts";

const found = await clusterServers();
const partitions = 4;
const party = trusted.party("DEWLG");
/** More than an hour, so that no rounding of zones hides it. */
const offMs = 3_700_000;

interface Shifted {
  readonly process: RoleProcess;
  readonly shiftMs: number;
}

let servers: ClusterServers;
const roles = new Map<string, Shifted>();
let rest: Rest;

async function start(name: string, role: string, shiftMs: number): Promise<void> {
  const process = await RoleProcess.start(role, {
    ...servers.environment,
    WATTLOG_NODE_NAME: name,
    NODE_OPTIONS: `--import ${join(projectRoot, "test", "harness", "shifted-clock.ts")}`,
    TEST_CLOCK_SHIFT_MS: String(shiftMs),
  });
  roles.set(name, { process, shiftMs });
}

const of = (name: string): RoleProcess => roles.get(name)!.process;

beforeAll(async () => {
  if ("missing" in found) return;
  servers = found;
  await servers.provision();
  await Promise.all([
    start("gateway-fast", "gateway", offMs),
    start("gateway-slow", "gateway", -offMs),
    start("processor-fast", "processor", offMs),
    start("processor-slow", "processor", -offMs),
    start("projector", "projector", offMs),
    start("api", "api", -offMs),
  ]);
  await Promise.all([...roles.values()].map(({ process }) => process.ready()));
  rest = new Rest(of("api").httpUrl, servers.environment["WATTLOG_ADMIN_TOKEN"]!);
}, 180_000);

afterAll(async () => {
  await Promise.all([...roles.values()].map(({ process }) => process.stop()));
  if (!("missing" in found)) await found[Symbol.asyncDispose]();
}, 60_000);

beforeEach((context) => {
  if ("missing" in found) context.skip(found.missing);
});

/** An identity whose partition that processor folds, once the two have shared them. */
async function stationOf(processor: string): Promise<string> {
  const owned = await eventually("the processors to share the partitions", async () => {
    const rows = await servers.sql("select partition::int, owner from assignment where role = 'processor'");
    const names = new Set(rows.map(({ owner }) => owner));
    const isShared = rows.length === partitions && names.size === 2 && !names.has("");
    return isShared ? rows.filter(({ owner }) => owner === processor).map(({ partition }) => partition) : undefined;
  });
  for (let i = 0; ; i++) {
    const id = `${processor.toUpperCase()}-${i}`;
    if (owned.includes(partitionOf(logKey(party, trusted.station(id)), partitions))) return id;
  }
}

/** What the log holds of a kind, each with the log time of its record. */
async function ticks(): Promise<{ readonly dueAt: number; readonly logTime: number }[]> {
  const log = openKafkaJsLog({ connection: connectionTo(servers.kafka.server), topics: makeTopics(1, partitions) });
  const told: { dueAt: number; logTime: number }[] = [];
  for (let partition = 0; partition < partitions; partition++) {
    const end = await log.endOffset(log.topics.frames, partition);
    for await (const { records } of log.read(log.topics.frames, partition, 0, end)) {
      for (const { value, logTime } of records) {
        const record = decodeRecord(value);
        if (record.kind === "tick") told.push({ dueAt: record.dueAt, logTime });
      }
    }
  }
  await log.close();
  return told;
}

/** An answer soon, one after a while, and none. */
function takesCommands(station: TestStation): void {
  station.onCommand = ({ id, action }) => {
    const answer = JSON.stringify([3, id, { status: "Accepted" }]);
    if (action === "Reset") void sleep(2_500).then(() => station.sendRaw(answer));
    return action === "ChangeAvailability" ? { status: "Accepted" } : undefined;
  };
}

test("every process tells by how many seconds its clock is off, by a metric and one line of its log", async () => {
  // Kafka's time comes with receipts: both gateways have some.
  for (const name of ["gateway-fast", "gateway-slow"]) {
    const station = await TestStation.connect({ url: of(name).ocppUrl, id: `CP-${name.toUpperCase()}` });
    await station.call("BootNotification", boot16);
    await station.close();
  }
  const against: Readonly<Record<string, string>> = {
    "gateway-fast": "log",
    "gateway-slow": "log",
    "processor-fast": "postgres",
    "processor-slow": "redis",
    projector: "postgres",
    api: "postgres",
  };
  for (const [name, { process, shiftMs }] of roles) {
    const metric = `wattlog_clock_skew_seconds{against="${against[name]}"}`;
    const seconds = await lastAnswer(
      async () => (await process.metric(metric)) ?? 0,
      (value) => Math.abs(value) > 3_600,
    );
    expect(Math.abs(seconds - shiftMs / 1_000), `${name} against ${against[name]}: ${seconds} s`).toBeLessThan(5);
    const line = await lastAnswer(
      async () => process.child.stderr + process.child.stdout,
      (words) => words.includes("this machine's clock is"),
    );
    const direction = shiftMs > 0 ? "ahead of" : "behind";
    expect(line).toMatch(new RegExp(`this machine's clock is 3(?:69|70)\\d(?:\\.\\d)? s ${direction} that of`));
  }
});

test.concurrent.each([
  ["gateway-fast", "processor-fast"],
  ["gateway-slow", "processor-slow"],
])(
  "on %s, folded by %s, a station gets the right time, tokens expire and commands end when they should",
  async (gateway, processor) => {
    const id = await stationOf(processor);
    const at = (ms: number): string => new Date(Date.now() + ms).toISOString();
    const halfAnHour = 1_800_000;
    await rest.post("/tokens", { uid: `${id}-GOOD`, ...token, expiresAt: at(halfAnHour) });
    await rest.post("/tokens", { uid: `${id}-OLD`, ...token, expiresAt: at(-halfAnHour) });
    await using station = await TestStation.connect({ url: of(gateway).ocppUrl, id });
    takesCommands(station);
    await station.call("BootNotification", boot16);
    const { currentTime } = await station.call<{ currentTime: string }>("Heartbeat", {});
    expect(Math.abs(Date.parse(currentTime) - Date.now()), "it sets the station's clock").toBeLessThan(30_000);
    const authorize = async (idTag: string) =>
      (await station.call<{ idTagInfo: { status: string } }>("Authorize", { idTag })).idTagInfo.status;
    await eventually("the tokens to be known", async () => (await authorize(`${id}-GOOD`)) !== "Invalid");
    expect([await authorize(`${id}-GOOD`), await authorize(`${id}-OLD`)]).toEqual(["Accepted", "Expired"]);

    const [startedAt, endedAt] = [at(-120_000), at(-60_000)];
    const begin = { connectorId: 1, idTag: `${id}-GOOD`, meterStart: 1_000, timestamp: startedAt };
    const { transactionId } = await station.call<{ transactionId: number }>("StartTransaction", begin);
    await station.call("StopTransaction", { transactionId, meterStop: 2_000, timestamp: endedAt });

    // An hour ahead, its tick would end it before the station has answered; an hour behind, it would not end today.
    const late = await rest.command(id, { action: "Reset", payload: { type: "Soft" }, timeoutSeconds: 30 }, 35);
    expect(late.body.outcome).toBe("accepted");
    const has = (command: string): boolean => station.commands.some((one) => one.id === command);
    const never = await rest.commandReaching(id, { action: "ClearCache", payload: {} }, has);
    expect((await rest.commandDone(never.id)).outcome).toBe("timeout");

    const [session] = await rest.settled(id, 1);
    expect(session).toMatchObject({ startedAt, endedAt, energyWh: 1_000, status: "completed" });
    expect(session?.cdrId).not.toBeNull();
  },
  120_000,
);

test("no timer of the log's time was told before it was due, nor long after", async () => {
  const told = await ticks();
  // The two commands that nobody answered.
  expect(told.length).toBeGreaterThanOrEqual(2);
  for (const { dueAt, logTime } of told) {
    expect(logTime - dueAt, `a tick due ${dueAt} at ${logTime}`).toBeGreaterThanOrEqual(-limits.clockSkewMs);
    expect(logTime - dueAt, `a tick due ${dueAt} at ${logTime}`).toBeLessThan(60_000);
  }
});

const token = { type: "RFID", contractId: "DE-ABC-1", valid: true, whitelist: "ALLOWED" } as const;
