import { beforeEach, expect, test } from "vitest";

import { connectionTo, unusedTopics } from "../../test/harness/kafka.ts";
import { serversForTests } from "../../tools/servers/ensure.ts";
import { isWattlogError } from "../runtime/errors.ts";
import { checkTopics, provisionTopics, type TopicAdmin, type TopicSettings } from "./kafka-topics.ts";
import { openTopicAdmin } from "./kafkajs-admin.ts";
import { makeTopics } from "./log.ts";

const { servers, missing } = await serversForTests(["kafka"]);

beforeEach((context) => {
  if (missing) context.skip(missing);
});

const sound: Readonly<Record<string, string>> = {
  "message.timestamp.type": "LogAppendTime",
  "retention.ms": "-1",
  "retention.bytes": "-1",
  "cleanup.policy": "delete",
  "min.insync.replicas": "2",
  "unclean.leader.election.enable": "false",
  "max.message.bytes": "5000000",
  "compression.type": "producer",
};

/** A cluster whose every topic looks like this. */
function looking(settings: Partial<TopicSettings> | undefined): TopicAdmin {
  const absent = async (): Promise<void> => {};
  return {
    create: absent,
    configure: absent,
    trim: absent,
    remove: absent,
    close: absent,
    describe: async (name) =>
      settings && { partitions: name.startsWith("registry") ? 1 : 4, replicas: 3, config: sound, ...settings },
  };
}

const topics = makeTopics(1, 4);

test("a sound log passes", async () => {
  await expect(checkTopics(looking({}), topics, false)).resolves.toBeUndefined();
});

test.each([
  ["no topic", undefined, /no topic ocpp\.frames\.g1.*wattlog topics/],
  ["another number of partitions", { partitions: 5 }, /5 partitions and WATTLOG_PARTITIONS asks for 4/],
  ["the stations' time", { config: { ...sound, "message.timestamp.type": "CreateTime" } }, /LogAppendTime/],
  ["retention by age", { config: { ...sound, "retention.ms": "604800000" } }, /drop records.*retention\.ms=604800000/],
  ["retention by size", { config: { ...sound, "retention.bytes": "1000000" } }, /drop records.*retention\.bytes/],
  ["compaction", { config: { ...sound, "cleanup.policy": "compact" } }, /drop records.*cleanup\.policy=compact/],
  ["compression anew", { config: { ...sound, "compression.type": "zstd" } }, /compression\.type=zstd/],
  ["a generation that was ended", { config: { ...sound, "max.message.bytes": "1" } }, /takes no records any more/],
  ["batches too small for us", { config: { ...sound, "max.message.bytes": "1048588" } }, /max\.message\.bytes/],
])("%s is refused, in development too", async (_, settings, sentence) => {
  for (const allowWeak of [false, true]) {
    const refused = checkTopics(looking(settings), topics, allowWeak);
    await expect(refused).rejects.toThrow(sentence);
    await expect(refused).rejects.toSatisfy((error) => isWattlogError(error, "config/invalid"));
  }
});

test.each([
  ["two copies", { replicas: 2 }, /kept on 2 brokers/],
  ["one broker's word", { config: { ...sound, "min.insync.replicas": "1" } }, /min\.insync\.replicas/],
  ["unclean elections", { config: { ...sound, "unclean.leader.election.enable": "true" } }, /unclean/],
])("%s is refused, and allowed where a weak log is", async (_, settings, sentence) => {
  await expect(checkTopics(looking(settings), topics, false)).rejects.toThrow(sentence);
  await checkTopics(looking(settings), topics, true);
});

test("a generation that was ended is not opened again by an older release's job", async () => {
  const admin = looking({ config: { ...sound, "max.message.bytes": "1" } });
  await expect(provisionTopics(admin, topics, { replicas: 3 })).rejects.toThrow(/takes no records any more/);
});

test("on a real Kafka: made once, left alone the second time, set right where a setting has changed", async () => {
  const admin = await openTopicAdmin(connectionTo(servers.kafka!));
  const own = unusedTopics(4);
  await expect(checkTopics(admin, own, true)).rejects.toThrow(/no topic/);
  expect(await provisionTopics(admin, own, { replicas: 1 })).toHaveLength(3);
  expect(await provisionTopics(admin, own, { replicas: 1 })).toEqual([]);
  await checkTopics(admin, own, true);
  await expect(checkTopics(admin, own, false)).rejects.toThrow(/min\.insync\.replicas/);
  await admin.configure(own.events.name, { "message.timestamp.type": "CreateTime" });
  await expect(checkTopics(admin, own, true)).rejects.toThrow(/LogAppendTime/);
  expect(await provisionTopics(admin, own, { replicas: 1 })).toEqual([
    `set message.timestamp.type=LogAppendTime on ${own.events.name}`,
  ]);
  await checkTopics(admin, own, true);
  await expect(checkTopics(admin, { ...own, frames: { ...own.frames, partitions: 8 } }, true)).rejects.toThrow(
    /4 partitions/,
  );
  for (const { name } of [own.frames, own.events, own.registry]) await admin.remove(name);
  await admin.close();
});
