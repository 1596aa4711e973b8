import { expect, test } from "vitest";

import { beginOpening, fence, findGenerations, makeShut, open, openGeneration } from "./kafka-generations.ts";
import { provisionTopics, type TopicAdmin, type TopicSettings } from "./kafka-topics.ts";
import { topicsOfGeneration } from "./generations.ts";

/** Topics as brokers keep them. */
class Brokers implements TopicAdmin {
  readonly topics = new Map<string, TopicSettings>();
  /** Names in the order in which their size was set. */
  readonly sized: string[] = [];

  create(name: string, settings: TopicSettings): Promise<void> {
    this.topics.set(name, settings);
    return Promise.resolve();
  }

  configure(name: string, config: Readonly<Record<string, string>>): Promise<void> {
    const before = this.topics.get(name)!;
    this.topics.set(name, { ...before, config: { ...before.config, ...config } });
    this.sized.push(name);
    return Promise.resolve();
  }

  describe(name: string): Promise<TopicSettings | undefined> {
    return Promise.resolve(this.topics.get(name));
  }

  readonly trim = () => Promise.resolve();
  readonly remove = () => Promise.resolve();
  readonly close = () => Promise.resolve();
}

const replicas = 3;
const first = topicsOfGeneration(1, 4);
const second = topicsOfGeneration(2, 9);

async function states(admin: TopicAdmin): Promise<readonly [number, number, string][]> {
  const found = await findGenerations(admin, 4);
  return found.map(({ topics: { frames }, state }) => [frames.generation, frames.partitions, state]);
}

test("B4: a generation is made shut, opened for its first records, then for everybody, once the one before it is fenced", async () => {
  const admin = new Brokers();
  expect(await states(admin)).toEqual([]);
  await provisionTopics(admin, first, { replicas });
  expect(await states(admin)).toEqual([[1, 4, "open"]]);
  expect(await makeShut(admin, second, replicas)).toHaveLength(3);
  await fence(admin, first.frames);
  expect(await states(admin)).toEqual([
    [1, 4, "shut"],
    [2, 9, "shut"],
  ]);
  expect(openGeneration(await findGenerations(admin, 4))).toBeUndefined();
  await beginOpening(admin, second);
  expect(await states(admin)).toEqual([
    [1, 4, "shut"],
    [2, 9, "opening"],
  ]);
  expect(openGeneration(await findGenerations(admin, 4))).toBeUndefined();
  await open(admin, second);
  expect(openGeneration(await findGenerations(admin, 4))?.topics).toEqual(second);
  // Whoever sees open frames may write to the registry and to the events.
  expect(admin.sized.at(-1)).toBe(second.frames.name);
});

test("B4: making a generation again neither opens nor shuts it, and provisioning never lifts a fence", async () => {
  const admin = new Brokers();
  await provisionTopics(admin, first, { replicas });
  await makeShut(admin, second, replicas);
  expect(await makeShut(admin, second, replicas)).toEqual([]);
  expect(await states(admin)).toEqual([
    [1, 4, "open"],
    [2, 9, "shut"],
  ]);
  await fence(admin, first.frames);
  await expect(provisionTopics(admin, first, { replicas })).rejects.toThrow(/takes no records any more/);
  expect(await states(admin)).toEqual([
    [1, 4, "shut"],
    [2, 9, "shut"],
  ]);
});
