// The generations of a log on Kafka (rule B4): which there are, which takes records, and the fence between two. All of it
// stands in the topics themselves, in `max.message.bytes`: what a broker refuses needs nobody's consent.
import { fencedBytes, maxMessageBytes, provisionTopics, type TopicAdmin } from "./kafka-topics.ts";
import { topicsOfGeneration } from "./generations.ts";
import type { Topic, Topics } from "./log.ts";

/** `shut`: takes no records, not yet or not any more. `opening`: takes those that it begins with, and nobody else writes. */
export type GenerationState = "open" | "opening" | "shut";

export interface FoundGeneration {
  readonly topics: Topics;
  readonly state: GenerationState;
}

const bytesSetting = "max.message.bytes";
/** More than the first record of a generation of a thousand partitions has. */
const openingBytes = 64 * 1024;

/**
 * The oldest first; empty where there is no log yet.
 * @param firstPartitions WATTLOG_PARTITIONS, which generation 1 was made with; the later ones say it themselves
 */
export async function findGenerations(admin: TopicAdmin, firstPartitions: number): Promise<FoundGeneration[]> {
  const found: FoundGeneration[] = [];
  for (let generation = 1; ; generation++) {
    const { frames } = topicsOfGeneration(generation, firstPartitions);
    const settings = await admin.describe(frames.name, [bytesSetting]);
    if (settings === undefined) return found;
    const partitions = generation === 1 ? firstPartitions : settings.partitions;
    const state = stateOf(Number(settings.config[bytesSetting]));
    found.push({ topics: topicsOfGeneration(generation, partitions), state });
  }
}

/** The one that takes records; undefined while none does, between a fence and the next one's opening. */
export function openGeneration(found: readonly FoundGeneration[]): FoundGeneration | undefined {
  return found.findLast(({ state }) => state === "open");
}

function stateOf(bytes: number): GenerationState {
  if (bytes === fencedBytes) return "shut";
  return bytes === openingBytes ? "opening" : "open";
}

/** Idempotent. @returns a line for each topic that was made */
export function makeShut(admin: TopicAdmin, topics: Topics, replicas: number): Promise<string[]> {
  return provisionTopics(admin, topics, { replicas, open: false });
}

/** No broker takes a record of it from then on, whoever sends it; what was acknowledged before stays. */
export function fence(admin: TopicAdmin, { name }: Topic): Promise<void> {
  return admin.configure(name, { [bytesSetting]: String(fencedBytes) });
}

/** For the records that it begins with. */
export async function beginOpening(admin: TopicAdmin, { frames, registry }: Topics): Promise<void> {
  for (const { name } of [registry, frames]) await admin.configure(name, { [bytesSetting]: String(openingBytes) });
}

/** Frames last: whoever finds that they are open may write to all of them. */
export async function open(admin: TopicAdmin, { frames, events, registry }: Topics): Promise<void> {
  for (const { name } of [registry, events, frames]) {
    await admin.configure(name, { [bytesSetting]: String(maxMessageBytes) });
  }
}
