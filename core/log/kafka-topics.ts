// The topics of a generation: made with the settings that the promises rest on, and checked at every start, because a
// log that only looks durable is worse than none (reliability, "Log settings are checked, not assumed").
import { WattlogError } from "../runtime/errors.ts";
import type { Topic, Topics } from "./log.ts";

export interface TopicSettings {
  readonly partitions: number;
  readonly replicas: number;
  readonly config: Readonly<Record<string, string>>;
}

/** What a client library is to us here. Every call throws where the cluster cannot be asked. */
export interface TopicAdmin {
  /** Makes it; a topic that is there already is left as it is. */
  create(name: string, settings: TopicSettings): Promise<void>;
  /** Changes these settings, leaves the others. */
  configure(name: string, config: Readonly<Record<string, string>>): Promise<void>;
  /** Undefined: there is no such topic. */
  describe(name: string, config: readonly string[]): Promise<TopicSettings | undefined>;
  /** Gives up what lies before these offsets, by partition (rule B2); no other setting of the topic changes. */
  trim(name: string, before: ReadonlyMap<number, number>): Promise<void>;
  /** Removes a topic and everything in it; one that is not there is fine. */
  remove(name: string): Promise<void>;
  close(): Promise<void>;
}

const leastReplicas = 3;
const leastInSync = 2;
/** Above the largest batch that one append makes of one partition (SenderOptions.batchBytes), with room for its head. */
export const maxMessageBytes = 4 * 1024 * 1024 + 64 * 1024;

/** What ends a generation (rule B4), and what the next one is made with. */
export const fencedBytes = 1;

/** Only the archiver trims (rule B2). */
const keepsAll = { "retention.ms": "-1", "retention.bytes": "-1", "cleanup.policy": "delete" } as const;

/** @param replicas below 3 only for development on one broker */
function wantedConfig(replicas: number): Record<string, string> {
  return {
    // The only time that a fold knows (rule T1); receipts carry it.
    "message.timestamp.type": "LogAppendTime",
    ...keepsAll,
    "min.insync.replicas": String(Math.min(leastInSync, replicas)),
    "unclean.leader.election.enable": "false",
    "max.message.bytes": String(maxMessageBytes),
    // A broker that compresses anew would make one-codec readers fail.
    "compression.type": "producer",
  };
}

export interface ProvisionOptions {
  readonly replicas: number;
  /** Of topics that are made: takes records at once (default), or not before it is opened. */
  readonly open?: boolean;
}

/**
 * Idempotent. @returns a line for each topic that was made or changed
 * @throws WattlogError `config/invalid` for a generation that was ended
 */
export async function provisionTopics(
  admin: TopicAdmin,
  topics: Topics,
  { replicas, open = true }: ProvisionOptions,
): Promise<string[]> {
  const done: string[] = [];
  for (const topic of listOf(topics)) {
    const config = wantedConfig(replicas);
    const names = Object.keys(config);
    const before = await admin.describe(topic.name, names);
    if (before === undefined) {
      const made = open ? config : { ...config, "max.message.bytes": String(fencedBytes) };
      await admin.create(topic.name, { partitions: topic.partitions, replicas, config: made });
      done.push(`made ${topic.name}: ${topic.partitions} partitions, ${replicas} replicas`);
      continue;
    }
    // A fence must not be opened by whoever still runs an older release's job.
    if (Number(before.config["max.message.bytes"]) === fencedBytes) {
      if (!open) continue;
      throw new WattlogError("config/invalid", takesNothing(topic.name));
    }
    const changes = Object.entries(config).filter(([name, value]) => before.config[name] !== value);
    if (changes.length === 0) continue;
    await admin.configure(topic.name, Object.fromEntries(changes));
    done.push(`set ${changes.map(([name, value]) => `${name}=${value}`).join(", ")} on ${topic.name}`);
  }
  return done;
}

/**
 * @param ended who only reads on in a generation that takes no records any more is content with that
 * @param allowWeak WATTLOG_ALLOW_WEAK_LOG: fewer brokers and weaker acknowledgements will do; what would be wrong will not
 * @throws WattlogError `config/invalid`, one sentence with what to do; what the client throws where Kafka cannot be asked
 */
export async function checkTopics(admin: TopicAdmin, topics: Topics, allowWeak: boolean, ended = false): Promise<void> {
  for (const topic of listOf(topics)) {
    const found = await admin.describe(topic.name, Object.keys(wantedConfig(leastReplicas)));
    const problem =
      found === undefined
        ? missing(topic)
        : (wrong(topic, found, ended) ?? (allowWeak ? undefined : weak(topic, found)));
    if (problem !== undefined) throw new WattlogError("config/invalid", problem);
  }
}

function missing({ name }: Topic): string {
  return `Kafka has no topic ${name}; \`wattlog topics\` makes it.`;
}

function takesNothing(name: string): string {
  return `${name} takes no records any more (max.message.bytes=${fencedBytes}): its generation was ended, and the next one is not open: let wattlog topics --new-generation come to its end.`;
}

/** No development setting makes these right. */
function wrong({ name, partitions }: Topic, found: TopicSettings, mayBeEnded: boolean): string | undefined {
  if (found.partitions !== partitions) {
    return (
      `${name} has ${found.partitions} partitions and WATTLOG_PARTITIONS asks for ${partitions}: set it to ` +
      `${found.partitions}, or begin a new generation; a station's records would go to another partition.`
    );
  }
  if (found.config["message.timestamp.type"] !== "LogAppendTime") {
    return `${name} does not stamp records with LogAppendTime, the only time that folds know; \`wattlog topics\` sets it.`;
  }
  const dropping = Object.entries(keepsAll).find(([setting, value]) => found.config[setting] !== value);
  if (dropping) {
    const [setting, value] = dropping;
    return `${name} lets Kafka drop records by itself (${setting}=${found.config[setting]}, must be ${value}); \`wattlog topics\` sets it.`;
  }
  if (found.config["compression.type"] !== "producer") {
    return `${name} compresses records anew (compression.type=${found.config["compression.type"]}), which readers do not expect; \`wattlog topics\` sets it.`;
  }
  const largest = Number(found.config["max.message.bytes"]);
  if (largest === fencedBytes) return mayBeEnded ? undefined : takesNothing(name);
  if (largest < maxMessageBytes) {
    return `${name} takes batches of ${largest} bytes at most (max.message.bytes) and needs ${maxMessageBytes}; \`wattlog topics\` sets it.`;
  }
  return undefined;
}

function weak({ name }: Topic, found: TopicSettings): string | undefined {
  const but = "; WATTLOG_ALLOW_WEAK_LOG=true lets it pass in development.";
  if (found.config["unclean.leader.election.enable"] !== "false") {
    return `${name} may elect a leader that lacks acknowledged records (unclean.leader.election.enable); \`wattlog topics\` sets it${but}`;
  }
  if (Number(found.config["min.insync.replicas"]) < leastInSync) {
    return `${name} acknowledges what a single broker holds (min.insync.replicas below ${leastInSync}); \`wattlog topics\` sets it${but}`;
  }
  if (found.replicas < leastReplicas) {
    return `${name} is kept on ${found.replicas} brokers and must be on ${leastReplicas} to survive one of them: make it anew with \`wattlog topics\`${but}`;
  }
  return undefined;
}

function listOf({ frames, events, registry }: Topics): Topic[] {
  return [frames, events, registry];
}
