// Rule B4, the tables' half: every fold of a generation stands at its end, and goes on with the next one. A station's
// partition is the hash of its key modulo their number, so with more partitions it is another one: what the processor
// remembers of it moves there. Everything else stays where it is: readings, holds and the index of frames are found by ids
// and offsets, which rise over generations, and the projector's rows by their keys.
import type { Topic, Topics } from "../log/log.ts";
import { partitionOf } from "../log/partition.ts";
import { WattlogError } from "../runtime/errors.ts";
import { freshPosition } from "./position.ts";
import type { Store, StoreTransaction } from "./store.ts";
import { rebuildRole } from "./table-sets.ts";
import type { PositionRow } from "./tables.ts";

/** Exclusive, by partition. */
export interface GenerationEnds {
  readonly frames: readonly number[];
  readonly events: readonly number[];
  readonly registry: readonly number[];
}

export interface NextGeneration {
  readonly from: Topics;
  /** Where `from` ends for good. */
  readonly ends: GenerationEnds;
  readonly to: Topics;
}

const roles = { processor: "frames", projector: "events", registry: "registry" } as const;
type Role = keyof typeof roles;
/** Stations moved by one statement. */
const keysPerUpdate = 500;

/** Whoever follows a topic of a generation by position rows of its own. */
interface Track {
  readonly role: string;
  readonly topic: "frames" | "events" | "registry";
  readonly rows: readonly PositionRow[];
  /** A fold has every partition; who follows for something else, only those where there was something to do. */
  readonly isWhole: boolean;
}

/**
 * In one transaction: the processor's rows of stations move, and each partition of the next generation begins at its first
 * offset. Nothing happens where that was done before.
 * @throws WattlogError `fold/behind` a fold or its outbox is not at the end; `config/invalid` partitions of one role stand
 * in several table sets, or would become fewer
 */
export function moveToGeneration(store: Pick<Store, "transaction">, next: NextGeneration): Promise<void> {
  return store.transaction((tx) => moveWithin(tx, next));
}

async function moveWithin(tx: StoreTransaction, { from, ends, to }: NextGeneration): Promise<void> {
  if (to.frames.partitions < from.frames.partitions) throw fewer(from.frames, to.frames);
  const topics = [from.frames.name, from.events.name, from.registry.name];
  // Held until the transaction ends: a fold that would move its row waits, and finds it closed.
  await tx.db
    .updateTable("position")
    .set((eb) => ({ table_set: eb.ref("table_set") }))
    .where("topic", "in", topics)
    .execute();
  const tracks = tracksOf(await positionsOf(tx.db), from);
  const opened = await tx.db.selectFrom("position").select("role").where("topic", "=", to.frames.name).execute();
  if (opened.length > 0) return;
  const [behind] = tracks.flatMap((track) => behindOf(track, from, ends));
  if (behind !== undefined) throw new WattlogError("fold/behind", behind);
  for (const { role, topic, rows } of tracks) {
    const [tableSet, ...others] = new Set(rows.map((row) => row.table_set));
    if (tableSet === undefined || others.length > 0) throw severalSets(from[topic]);
    if (role === "processor") await moveStations(tx, tableSet, to.frames);
    await tx.insertNew("position", openings(role, to[topic], tableSet, Math.max(...rows.map((row) => row.log_time))));
  }
}

/**
 * The same for a rebuild that has folded a generation to its end beside the live tables: in its own table set and under its
 * own position rows. Nothing happens where that was done before.
 */
export function moveRebuiltToGeneration(
  store: Pick<Store, "transaction">,
  { from, to, tableSet }: Pick<NextGeneration, "from" | "to"> & { readonly tableSet: number },
): Promise<void> {
  return store.transaction(async (tx) => {
    const rows = await positionsOf(tx.db);
    if (hasRebuiltBegun(rows, to, tableSet)) return;
    await moveStations(tx, tableSet, to.frames);
    for (const role of ["processor", "projector"] as const) {
      const topic = roles[role];
      const ended = rows.filter((row) => row.role === rebuildRole(role) && row.topic === from[topic].name);
      const logTime = Math.max(0, ...ended.map((row) => row.log_time));
      await tx.insertNew("position", openings(rebuildRole(role), to[topic], tableSet, logTime));
    }
  });
}

/** Whether a rebuild, or what has taken over of it, stands in this generation. */
export function hasRebuiltBegun(rows: readonly PositionRow[], { frames, events }: Topics, tableSet: number): boolean {
  return rows.some(({ topic, table_set: set }) => set === tableSet && (topic === frames.name || topic === events.name));
}

/** @throws WattlogError `config/invalid` where partitions of one role stand in several table sets */
export async function requireOneSet(db: Store["reader"], of: Topics): Promise<void> {
  for (const role of Object.keys(roles) as Role[]) {
    const topic = of[roles[role]];
    const rows = await db
      .selectFrom("position")
      .select("table_set")
      .distinct()
      .where("role", "=", role)
      .where("topic", "=", topic.name)
      .execute();
    if (rows.length > 1) throw severalSets(topic);
  }
}

/** Which folds of these topics are not at their ends, or have events that wait; a sentence each. */
export async function whatIsBehind(db: Store["reader"], { from, ends }: Omit<NextGeneration, "to">): Promise<string[]> {
  const behind = tracksOf(await positionsOf(db), from).flatMap((track) => behindOf(track, from, ends));
  const waiting = await db
    .selectFrom("live_outbox")
    .select((eb) => eb.fn.sum<number | null>("count").as("events"))
    .executeTakeFirst();
  if (waiting?.events) behind.push(`${waiting.events} events wait in the outbox`);
  return behind;
}

/**
 * Rule B5: which folds hold more than the log has: it was restored to an earlier hour, or is a copy that ended before. A
 * sentence each.
 * @param rows as they were before `ends` were asked for
 */
export function whatIsBeyond(rows: readonly PositionRow[], { from, ends }: Omit<NextGeneration, "to">): string[] {
  return tracksOf(rows, from).flatMap(({ role, topic, rows: own }) =>
    own
      .filter(({ partition, next }) => next > (ends[topic][partition] ?? 0))
      .map(({ partition, next }) => {
        const end = ends[topic][partition] ?? "no partition";
        return `${role} of ${from[topic].name}/${partition} stands at ${next}, and the log ends at ${end}`;
      }),
  );
}

function positionsOf(db: Store["reader"]): Promise<PositionRow[]> {
  return db.selectFrom("position").selectAll().orderBy("partition").execute();
}

/** The folds, and whoever else follows the events or the registry: pushes to partners. A rebuild is no part of it. */
function tracksOf(rows: readonly PositionRow[], from: Topics): Track[] {
  const folds = (Object.keys(roles) as Role[]).map((role) => ({ role, topic: roles[role], isWhole: true }));
  const others = new Map<string, Omit<Track, "rows">>();
  for (const { role, topic: name } of rows) {
    if (role in roles || role.startsWith("rebuild/")) continue;
    for (const topic of ["events", "registry"] as const)
      if (from[topic].name === name) others.set(`${role} ${topic}`, { role, topic, isWhole: false });
  }
  return [...folds, ...others.values()].map((track) => ({
    ...track,
    rows: rows.filter(({ role, topic }) => role === track.role && topic === from[track.topic].name),
  }));
}

function behindOf({ role, topic, rows, isWhole }: Track, from: Topics, ends: GenerationEnds): string[] {
  return ends[topic].flatMap((end, partition) => {
    const row = rows.find((one) => one.partition === partition);
    if (row === undefined && !isWhole) return [];
    if (row?.next === end) return [];
    return [
      `${role} of ${from[topic].name}/${partition} stands at ${row?.next ?? "no position"}, and its end is ${end}`,
    ];
  });
}

/** Every record of the next generation is younger than all of this one. */
function openings(role: string, topic: Topic, tableSet: number, logTime: number): PositionRow[] {
  return Array.from({ length: topic.partitions }, (_, partition) =>
    freshPosition(role, topic, partition, tableSet, logTime),
  );
}

/** The empty station stays: it is a partition's own memory of who wrote to it. */
async function moveStations(tx: StoreTransaction, tableSet: number, to: Topic): Promise<void> {
  const all = await tx.db
    .selectFrom("station_state")
    .select(["partition", "party", "station"])
    .where("table_set", "=", tableSet)
    .where("station", "!=", "")
    .execute();
  const moves = Map.groupBy(all, ({ partition, party, station }) => {
    const target = partitionOf(`${party}/${station}`, to.partitions);
    return target === partition ? "" : JSON.stringify([partition, target, party]);
  });
  moves.delete("");
  for (const [move, stations] of moves) {
    const [partition, target, party] = JSON.parse(move) as [number, number, string];
    for (let at = 0; at < stations.length; at += keysPerUpdate) {
      await tx.db
        .updateTable("station_state")
        .set({ partition: target })
        .where("table_set", "=", tableSet)
        .where("partition", "=", partition)
        .where("party", "=", party)
        .where(
          "station",
          "in",
          stations.slice(at, at + keysPerUpdate).map(({ station }) => station),
        )
        .execute();
    }
  }
}

function fewer(before: Topic, after: Topic): WattlogError {
  return new WattlogError(
    "config/invalid",
    `${after.name} would have ${after.partitions} partitions and ${before.name} has ${before.partitions}: a generation has as many as the one before it, or more.`,
  );
}

function severalSets(topic: Topic): WattlogError {
  return new WattlogError(
    "config/invalid",
    `The partitions of ${topic.name} stand in several table sets: let \`wattlog rebuild\` come to its end first.`,
  );
}
