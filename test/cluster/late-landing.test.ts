// A request that we gave up and that the broker takes all the same: it lay in the socket of a broker that stood still, and
// is stored when the broker goes on, after what was sent anew. Both drivers, a real broker of this file's own.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { KafkaEventLog } from "../../core/log/kafka-event-log.ts";
import type { Anomaly } from "../../core/log/kafka-sender.ts";
import { kafkaJsDriver } from "../../core/log/log-kafka.ts";
import { platformaticDriver } from "../../core/log/log-platformatic.ts";
import type { LogRecord } from "../../core/log/log.ts";
import { encodeRecord } from "../../core/records/codec.ts";
import type { EventBody, EventKind } from "../../core/records/domain-event.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import { newCommandId } from "../../core/ids/ids.ts";
import { eventsOf, foldInto, World } from "../../processors/folding.test-helper.ts";
import { idOf, Line, nodeA, other } from "../../processors/station.test-helper.ts";
import { ownServer, type OwnServer } from "../../tools/servers/ensure.ts";
import type { KafkaServer } from "../../tools/servers/protocol.ts";
import { connectionTo, ownTopics } from "../harness/kafka.ts";
import { eventually, sleep } from "../harness/wait.ts";
import { missingServers } from "./server-world.ts";

const missing = await missingServers();
const drivers = { kafkajs: kafkaJsDriver, "@platformatic/kafka": platformaticDriver };
let kafka: OwnServer<KafkaServer>;

beforeAll(async () => {
  if (missing === undefined) kafka = await ownServer("kafka");
}, 120_000);

afterAll(() => kafka?.end(), 60_000);

beforeEach((context) => {
  if (missing !== undefined) context.skip(missing);
});

/** The product's, five times as impatient. */
const sender = { requestMs: 600, watchdogMs: 900, soloWatchdogMs: 1_200 };

describe.each(Object.keys(drivers) as (keyof typeof drivers)[])("%s", (driver) => {
  test("promises 1, 2, 4: a batch that lands late stands in the log at most twice, and is folded once, in its order", async () => {
    const connection = connectionTo(kafka.server);
    // The broker has stood still for the driver before this one.
    const own = await eventually("topics", () => ownTopics(connection, 1, 1));
    const anomalies: Anomaly[] = [];
    const onAnomaly = (anomaly: Anomaly) => anomalies.push(anomaly);
    const log = new KafkaEventLog(drivers[driver](connection), { connection, topics: own.topics, onAnomaly, sender });
    const append = (...records: FrameRecord[]) =>
      log.append(
        own.topics.frames,
        0,
        records.map((record) => ({ key: "k", value: encodeRecord(record) })),
      );
    const line = new Line("CS1");
    const node = new Line("CS1", "ocpp1.6", nodeA);
    const commandId = newCommandId();
    // A busy machine may be too slow for that impatience: what it takes twice is folded once.
    const begin = [line.connected(), line.claimed(), commandTo(line, commandId)];
    await eventually("the log takes frames", () => append(...begin).then(() => true), { timeoutMs: 60_000 });

    // What waits for its receipt when the broker stands still: a Start, and a command that is about to be written.
    const { pid } = kafka.node("broker-1");
    process.kill(pid, "SIGSTOP");
    const first = [line.start(), line.record({ kind: "commandSent", commandId, connectionId: line.id })];
    const refused = await append(...first).then(
      () => "acknowledged",
      () => "refused",
    );
    // Neither was answered or written: the connection is closed, the command ended, the station comes back.
    const ends = [line.disconnected(), node.record({ kind: "commandEnded", commandId, outcome: "not_connected" })];
    // As the gateway does with what says that something has happened already: until it is in the log.
    const ended = eventually("the ends are in the log", () => append(...ends).then(() => true), { timeoutMs: 60_000 });
    await sleep(500);
    process.kill(pid, "SIGCONT");
    expect(refused).toBe("refused");
    const again = new Line("CS1");
    const rest = [again.connected(), again.claimed(), again.start(), again.stop(idOf(), { meterStop: 5_000 })];
    await eventually("the log takes frames again", () => append(...rest).then(() => true), { timeoutMs: 60_000 });
    await ended;
    expect(anomalies.map(({ kind }) => kind)).toContain("rejected");

    const records = await settled(log);
    const times = (record: FrameRecord) => {
      const wanted = Buffer.from(encodeRecord(record));
      return records.filter(({ value }) => wanted.equals(value)).length;
    };
    // It did land, or this test shows nothing.
    for (const record of first) expect([1, 2]).toContain(times(record));
    console.log(`${driver}: the batch that was given up stands in the log ${times(first[0]!)} times`);

    const bodies = await folded(records);
    const count = (kind: EventKind) => bodies.filter((body) => body.kind === kind).length;
    expect([count("sessionStarted"), count("sessionEnded")]).toEqual([1, 1]);
    const outcomes = bodies.flatMap((body) => (body.kind === "commandEnded" ? [body.outcome] : []));
    expect(outcomes).toEqual(["not_connected"]);
    await log.close();
    await own.remove();
  }, 240_000);
});

function commandTo(line: Line, commandId: ReturnType<typeof newCommandId>): FrameRecord {
  return other("CS1").record({
    kind: "commandRequested",
    commandId,
    connectionId: line.id,
    protocol: "ocpp1.6",
    action: "Reset",
    payload: new TextEncoder().encode("{}"),
    timeoutMs: 30_000,
    idempotencyKey: null,
    queueUntil: null,
    origin: { via: "rest", actor: "test" },
    replyTo: null,
  });
}

/** Everything, once nothing more lands. */
async function settled(log: KafkaEventLog): Promise<LogRecord[]> {
  const { frames } = log.topics;
  let end = -1;
  for (let now = 0; now !== end;) {
    end = now;
    await sleep(1_500);
    now = await log.endOffset(frames, 0);
  }
  const all: LogRecord[] = [];
  for await (const { records } of log.read(frames, 0, 0, end)) all.push(...records);
  return all;
}

async function folded(records: readonly LogRecord[]): Promise<readonly EventBody[]> {
  const world = new World();
  try {
    for (const { key, value, logTime } of records) {
      world.log.logTime = logTime;
      await world.log.append(world.log.topics.frames, 0, [{ key, value }]);
    }
    return (await eventsOf(await foldInto(world, [3]))).map(({ body }) => body);
  } finally {
    await world.end();
  }
}
