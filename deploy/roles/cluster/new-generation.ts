// `wattlog topics --new-generation`: the log goes on in new topics, with as many partitions or more (rule B4). Under load:
// chargers notice that their sockets are closed and come back. Each step may be done again, so a run that was killed is run
// again: what stands in the topics and in the tables says how far it came.
import { randomUUID } from "node:crypto";

import type { Settings } from "../../../core/config/settings.ts";
import { newNodeId, trusted, type Position } from "../../../core/ids/ids.ts";
import { firstOffsetOf, topicsOfGeneration } from "../../../core/log/generations.ts";
import {
  beginOpening,
  fence,
  findGenerations,
  makeShut,
  open,
  openGeneration,
  type FoundGeneration,
} from "../../../core/log/kafka-generations.ts";
import { unreachableKafka } from "../../../core/log/kafka-errors.ts";
import { checkTopics, type TopicAdmin } from "../../../core/log/kafka-topics.ts";
import type { KafkaConnection } from "../../../core/log/kafka-wire.ts";
import type { EventLog, Topic, Topics } from "../../../core/log/log.ts";
import { encodeRecord } from "../../../core/records/codec.ts";
import type { FrameBody } from "../../../core/records/frame-record.ts";
import { encodeChange, type RegistryChange } from "../../../core/records/registry-change.ts";
import { isWattlogError, WattlogError } from "../../../core/runtime/errors.ts";
import { requireOneSet, whatIsBeyond, type GenerationEnds } from "../../../core/store/next-generation.ts";
import type { Store } from "../../../core/store/store.ts";
import { readPlan } from "../rebuild-plan.ts";
import { newestGeneration } from "./belonging.ts";
import { connectStore, kafkaConnection, openLog, partyOf, requireCluster, withAdmin } from "./connect.ts";
import { endsOf, handOver, recordsIn } from "./hand-over.ts";

export interface NewGenerationOptions {
  /** Of the next generation; undefined: as many as now. */
  readonly partitions: number | undefined;
  /** A line for each step. */
  readonly say: (line: string) => void;
  /** What is waited for, again and again. */
  readonly wait: (line: string) => void;
}

/** How long brokers may take to hear of a fence, ms. Tried: 66. */
const fenceMs = 30_000;
const lookMs = 500;

/** @throws WattlogError `config/invalid`, `log/…`, `store/…`: one sentence with what to do; what was done stays. */
export async function openNewGeneration(settings: Settings, options: NewGenerationOptions): Promise<void> {
  requireCluster(settings, ["kafkaBrokers", "databaseUrl"]);
  const connection = kafkaConnection(settings, "wattlog-topics");
  const store = await connectStore(settings);
  try {
    await withAdmin(connection, 0, async (admin) => {
      const found = await findGenerations(admin, settings.partitions);
      const step = await planOf(found, store, options);
      const earlier = found
        .map(({ topics }) => topics)
        .filter((one) => one.frames.generation < step.from.frames.generation);
      const log = openLog(settings, connection, { topics: step.from, earlier });
      try {
        const run: Run = { ...options, settings, connection, earlier, admin, store, log, ...step };
        if (!step.isOpen) await openNext(run);
        await letFoldsFollow(run);
      } finally {
        await log.close();
      }
    });
  } catch (error) {
    throw unreachableKafka(error, connection);
  } finally {
    await store.close();
  }
}

interface Step {
  readonly from: Topics;
  readonly to: Topics;
  /** `to` takes records, and folds are on their way to it. */
  readonly isOpen: boolean;
}

interface Run extends NewGenerationOptions, Step {
  readonly settings: Settings;
  readonly admin: TopicAdmin;
  readonly store: Store;
  readonly connection: KafkaConnection;
  /** Before `from`. */
  readonly earlier: readonly Topics[];
  /** Of `from`. */
  readonly log: EventLog;
}

/** What an earlier run began comes to its end first. */
async function planOf(
  found: readonly FoundGeneration[],
  store: Store,
  { partitions, say }: NewGenerationOptions,
): Promise<Step> {
  const newest = found.at(-1);
  if (!newest) throw invalid("There is no log yet: `wattlog topics` makes its first generation.");
  const folded = Math.max(1, await newestGeneration(store.reader));
  const isNewestOpen = openGeneration(found) === newest;
  const before = found.at(isNewestOpen ? folded - 1 : -2);
  const isBegun = !isNewestOpen || folded < newest.topics.frames.generation;
  if (isBegun && before && before !== newest) {
    const { generation, partitions: made } = newest.topics.frames;
    if (partitions !== undefined && partitions !== made) {
      throw invalid(
        `Generation ${generation} was begun with ${made} partitions and is not finished: run this without --partitions, then again with them.`,
      );
    }
    say(`Generation ${generation} was begun; this goes on with it.`);
    const next = found[before.topics.frames.generation] ?? newest;
    return { from: before.topics, to: next.topics, isOpen: next.state === "open" };
  }
  const { frames } = newest.topics;
  const to = topicsOfGeneration(frames.generation + 1, partitions ?? frames.partitions);
  if (to.frames.partitions < frames.partitions) {
    throw invalid(
      `--partitions ${to.frames.partitions} is fewer than the ${frames.partitions} of now: a generation has as many as the one before it, or more.`,
    );
  }
  if (await readPlan(store.reader))
    throw invalid("A rebuild is not finished: let `wattlog rebuild` come to its end, or `--abandon` it, first.");
  await requireOneSet(store.reader, newest.topics);
  return { from: newest.topics, to, isOpen: false };
}

async function openNext(run: Run): Promise<void> {
  const { admin, settings, from, to, log, say } = run;
  await checkTopics(admin, from, settings.allowWeakLog, true);
  await requireFoldedLog(run);
  for (const line of await makeShut(admin, to, settings.allowWeakLog ? 1 : 3)) say(line);
  for (const topic of [from.frames, from.registry]) await fenceAndProve(run, topic);
  const ends = await endsOf(log, from);
  const { generation } = from.frames;
  say(
    `generation ${generation} has ended: ${recordsIn(ends.frames, from.frames)} records of frames, ${recordsIn(ends.registry, from.registry)} of the registry`,
  );
  await beginOpening(admin, to);
  await writeFirstRecords(run, ends);
  await open(admin, to);
  say(`generation ${to.frames.generation} is open: gateways and apis move to it`);
}

/** Rule B5: tables that hold more than the log would never stand at its end. Nothing was fenced yet. */
async function requireFoldedLog({ store, log, from }: Run): Promise<void> {
  // In this order: a fold that goes on meanwhile is not taken for one that stood further.
  const before = await store.reader.selectFrom("position").selectAll().execute();
  const [beyond] = whatIsBeyond(before, { from, ends: await endsOf(log, from) });
  if (beyond === undefined) return;
  throw new WattlogError(
    "fold/fingerprint",
    `${beyond}: the tables hold more than the log, which was restored to an earlier hour or is a copy that ended before. Have them made from this log first: docs/rebuild.md, "Another log".`,
  );
}

/** The proof is a refused record on every partition; one that is accepted folds to nothing, and comes before the end. */
async function fenceAndProve(run: Run, topic: Topic): Promise<void> {
  const { admin } = run;
  await fence(admin, topic);
  const until = performance.now() + fenceMs;
  for (let partition = 0; partition < topic.partitions;) {
    if (await isRefused(run, topic, partition)) partition++;
    else if (performance.now() > until) {
      throw new WattlogError(
        "log/unavailable",
        `${topic.name}/${partition} still takes records ${fenceMs / 1000} s after its fence: run this again.`,
      );
    }
  }
}

async function isRefused({ settings, log, from }: Run, topic: Topic, partition: number): Promise<boolean> {
  const registry = { generation: topic.generation, offset: 0 };
  const value =
    topic === from.registry
      ? // Of a version that nothing has: refused by its verdict, should the log take it.
        changeOf(settings, { entity: "generation", id: "probe", expectedVersion: Number.MAX_SAFE_INTEGER, doc: null })
      : // A tick of no station.
        ownRecord(registry, { kind: "tick", dueAt: 0 });
  try {
    await log.append(topic, partition, [{ key: "", value }]);
    return false;
  } catch (error) {
    if (isWattlogError(error, "log/ended")) return true;
    throw error;
  }
}

function ownRecord(registry: Position, body: FrameBody): Uint8Array {
  const [party, station] = [trusted.party(""), trusted.station("")];
  return encodeRecord({
    party,
    station,
    source: newNodeId(),
    sequence: 0,
    arrivedAt: Date.now(),
    registry,
    keyId: null,
    ...body,
  });
}

function changeOf(
  settings: Settings,
  change: Pick<RegistryChange, "entity" | "id" | "expectedVersion" | "doc">,
): Uint8Array {
  const by = { party: partyOf(settings), keyId: null, changeId: randomUUID(), at: Date.now(), actor: "topics" };
  return encodeChange({ ...by, ...change });
}

/** Rule B4: every partition says first where the generation before it ended. What a killed run has written stays. */
async function writeFirstRecords(
  { settings, connection, earlier, from, to }: Run,
  ends: GenerationEnds,
): Promise<void> {
  const log = openLog(settings, connection, { topics: to, earlier: [...earlier, from] });
  const isEmpty = async (topic: Topic, partition: number) =>
    (await log.endOffset(topic, partition)) === firstOffsetOf(topic);
  const named = { of: from.frames.generation, frameEnds: ends.frames, registryEnd: ends.registry[0]! };
  const registry = { generation: named.of, offset: named.registryEnd };
  try {
    if (await isEmpty(to.registry, 0)) {
      const id = String(to.registry.generation);
      const change = { entity: "generation", id, expectedVersion: null, doc: { id, ...named } } as const;
      await log.append(to.registry, 0, [{ key: id, value: changeOf(settings, change) }]);
    }
    for (let partition = 0; partition < to.frames.partitions; partition++) {
      if (!(await isEmpty(to.frames, partition))) continue;
      const value = ownRecord(registry, { kind: "generationBegan", ...named });
      await log.append(to.frames, partition, [{ key: "", value }]);
    }
  } finally {
    await log.close();
  }
}

async function letFoldsFollow({ admin, log, store, from, to, say, wait }: Run): Promise<void> {
  for (;;) {
    const behind = await handOver({ admin, log, store, from, to });
    const [first] = behind;
    if (first === undefined) break;
    wait(behind.length > 1 ? `${first}, and ${behind.length - 1} more` : first);
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
  say(
    `every fold stood at the end of generation ${from.frames.generation}, and goes on with generation ${to.frames.generation}`,
  );
}

function invalid(sentence: string): WattlogError {
  return new WattlogError("config/invalid", sentence);
}
