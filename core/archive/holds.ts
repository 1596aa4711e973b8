// What of the log somebody still needs: folds that have not come so far, events that wait to be sent, records that are
// held in quarantine or parked behind one.
import { allGenerations, firstOffsetOf, offsetsPerGeneration } from "../log/generations.ts";
import type { EventLog, Topic } from "../log/log.ts";
import { unpackBundle } from "../records/bundle.ts";
import { decodeEvent } from "../records/domain-event.ts";
import type { Store } from "../store/store.ts";

export interface Hold {
  /** Records from here on are needed. */
  readonly offset: number;
  /** And those from this log time on; Infinity: none by time. */
  readonly logTime: number;
}

export interface Holds {
  of(topic: Topic, partition: number): Hold;
}

/** Who has to have passed a topic's records before the log may give them up. */
const folds = { frames: "processor", events: "projector" } as const;

const nothingMayGo: Hold = { offset: 0, logTime: 0 };

/**
 * All of one moment, of every generation.
 * @param log its newest generation is the one that is folded
 * @throws WattlogError `store/unavailable`
 */
export function holdsOf(store: Pick<Store, "snapshot">, log: Pick<EventLog, "topics" | "earlier">): Promise<Holds> {
  const generations = allGenerations(log);
  const isFrames = (name: string) => generations.some(({ frames }) => frames.name === name);
  const isFolded = (name: string) => name === log.topics.frames.name || name === log.topics.events.name;
  return store.snapshot(async (db) => {
    const positions = await db.selectFrom("position").select(["role", "topic", "partition", "next"]).execute();
    const waiting = await firstWaiting(db);
    const needed = new Map<string, number>();
    const need = (topic: string, partition: number, offset: number) => {
      const key = `${topic}/${partition}`;
      needed.set(key, Math.min(needed.get(key) ?? Infinity, offset));
    };
    // The record before a position proves at each start that the log is the one that was folded (rule F3); no fold starts
    // in a generation that has ended.
    for (const { topic, partition, next } of positions) need(topic, partition, isFolded(topic) ? next - 1 : next);
    for (const { frames } of generations) {
      for (const { partition, offset } of await heldIn(db, frames)) need(frames.name, partition, offset);
    }
    const passed = new Set(positions.map(({ role, topic, partition }) => `${role} ${topic}/${partition}`));
    return {
      of(topic, partition) {
        const fold = isFrames(topic.name) ? folds.frames : folds.events;
        const offset = needed.get(`${topic.name}/${partition}`);
        if (offset === undefined || !passed.has(`${fold} ${topic.name}/${partition}`)) return nothingMayGo;
        const logTime = isFrames(topic.name) ? (waiting.get(partition) ?? Infinity) : Infinity;
        return { offset, logTime };
      },
    };
  });
}

/** The first record of a generation that is held or parked, by partition: both stay where they stand (rule B4). */
async function heldIn(db: Store["reader"], frames: Topic) {
  const from = firstOffsetOf(frames);
  const to = from + offsetsPerGeneration;
  const held = await db
    .selectFrom("quarantine")
    .select(["partition", (eb) => eb.fn.min<number>("record_offset").as("offset")])
    .where("until_offset", "is", null)
    .where("record_offset", ">=", from)
    .where("record_offset", "<", to)
    .groupBy("partition")
    .execute();
  const parked = await db
    .selectFrom("parked")
    .select(["partition", (eb) => eb.fn.min<number>("record_offset").as("offset")])
    .where("record_offset", ">=", from)
    .where("record_offset", "<", to)
    .groupBy("partition")
    .execute();
  return [...held, ...parked];
}

/** Log time of the first event that waits in the outbox, by partition. */
async function firstWaiting(db: Store["reader"]): Promise<ReadonlyMap<number, number>> {
  const first = db
    .selectFrom("outbox")
    .select(["table_set", "partition", (eb) => eb.fn.min("sequence").as("sequence")])
    .groupBy(["table_set", "partition"])
    .as("first");
  const rows = await db
    .selectFrom("outbox")
    .innerJoin(first, (join) =>
      join
        .onRef("first.table_set", "=", "outbox.table_set")
        .onRef("first.partition", "=", "outbox.partition")
        .onRef("first.sequence", "=", "outbox.sequence"),
    )
    .select(["outbox.partition", "outbox.events"])
    .execute();
  const times = new Map<number, number>();
  for (const { partition, events } of rows) {
    const [entry] = unpackBundle(events);
    if (entry) times.set(partition, Math.min(times.get(partition) ?? Infinity, decodeEvent(entry.value).logTime));
  }
  return times;
}
