// Promise 3 checked on real data: everything folded again from offset zero into a scratch store, beside a live process or
// without one, and compared with the live tables at equal positions (`rebuild --compare-only`, L4 of the ledger check).
import type { Kysely } from "kysely";

import { logAsOf } from "../../core/log/generation-log.ts";
import { allGenerations, firstOffsetOf } from "../../core/log/generations.ts";
import type { EventLog } from "../../core/log/log.ts";
import { RegistryView } from "../../core/registry/view.ts";
import { checksumTables, partitionChecksums, type TableChecksum } from "../../core/store/checksum.ts";
import { firstTableSet } from "../../core/store/position.ts";
import { moveToGeneration } from "../../core/store/next-generation.ts";
import { openSqliteStore } from "../../core/store/store-sqlite.ts";
import type { Store } from "../../core/store/store.ts";
import type { FoldRole } from "../../core/store/table-sets.ts";
import { derivedTables, type PositionRow, type QuarantineRow, type Schema } from "../../core/store/tables.ts";
import { refold } from "../../processors/refold.ts";
import { reproject } from "../../projections/models/reproject.ts";
import { compareSums, differs, registryChecksum, type TableComparison } from "./compare-tables.ts";
import { differingRows } from "./compare-rows.ts";
import { compareEvents, type ChainComparison } from "./compare-events.ts";
import { withScratchFolder } from "./scratch-folder.ts";
import type { Source } from "./source.ts";

export interface Comparison {
  /** Everything is equal, and there was something to compare. */
  readonly ok: boolean;
  readonly tables: readonly TableComparison[];
  /** Of all live tables together. */
  readonly rows: number;
  readonly chains: ChainComparison;
  /** One sentence each. */
  readonly problems: readonly string[];
}

export interface CompareOptions {
  readonly source: Source;
  readonly onProgress?: (line: string) => void;
}

/** What the live side says, all of one moment. */
interface Live {
  /** The log as it was in each generation that was folded, the oldest first; never empty. */
  readonly generations: readonly EventLog[];
  readonly positions: readonly PositionRow[];
  readonly holds: readonly QuarantineRow[];
  readonly sums: ReadonlyMap<string, TableChecksum>;
  /** Concluded and not yet in the log, by partition. */
  readonly outbox: ReadonlyMap<number, number>;
}

/** So many rows are named, of all that differ. */
const mostNamed = 5;

/** @throws WattlogError `log/unavailable` | `store/unavailable` when the folder holds nothing to compare. */
export async function compareWithRebuild({ source, onProgress }: CompareOptions): Promise<Comparison> {
  const whole = await source.openLog();
  const store = await source.openStore();
  try {
    onProgress?.("checksums of the live tables");
    const live = await store.snapshot((db) => readLive(db, whole));
    return await withScratchFolder(source.scratchIn, async (folder) => {
      const scratch = openSqliteStore(folder);
      try {
        await scratch.migrate();
        const chains = await rebuild(whole, scratch, live, onProgress);
        return await compare(live.generations.at(-1)!, store, scratch, live, chains);
      } finally {
        await scratch.close();
      }
    });
  } finally {
    await store.close();
    await whole.close();
  }
}

async function readLive(db: Kysely<Schema>, whole: EventLog): Promise<Live> {
  const positions = await db.selectFrom("position").selectAll().execute();
  const all = allGenerations(whole).map((topics) => logAsOf(whole, topics));
  const folded = all.filter((log) => positionsOf(positions, "processor", log).length > 0);
  const generations = folded.length > 0 ? folded : [whole];
  const log = generations.at(-1)!;
  const setsOf = (role: FoldRole) =>
    new Map(positionsOf(positions, role, log).map((row) => [row.partition, row.table_set]));
  const sums = await partitionChecksums(db, { processor: setsOf("processor"), projector: setsOf("projector") });
  sums.set("registry_version", await registryChecksum(db));
  const waiting = await db
    .selectFrom("live_outbox")
    .select(["partition", (eb) => eb.fn.sum<number>("count").as("events")])
    .groupBy("partition")
    .execute();
  const holds = await db.selectFrom("live_quarantine").selectAll().execute();
  return { generations, positions, holds, sums, outbox: new Map(waiting.map((row) => [row.partition, row.events])) };
}

/** Generation after generation, each from its first record to where live stands; rows move between them as they did there. */
async function rebuild(
  whole: EventLog,
  into: Store,
  live: Live,
  onProgress: CompareOptions["onProgress"],
): Promise<ChainComparison> {
  const registry = new RegistryView(whole);
  await registry.start();
  const found: ChainComparison[] = [];
  try {
    for (const [at, log] of live.generations.entries()) {
      await rebuildGeneration(log, registry, into, live, onProgress);
      const next = live.generations[at + 1];
      const outbox = next ? new Map<number, number>() : live.outbox;
      found.push(await compareEvents({ log, scratch: into.reader, upTo: ends(live, "processor", log), outbox }));
      if (next) await moveOn(log, next, into, live);
    }
  } finally {
    await registry.stop();
  }
  return {
    // The last generation has most of them; one that was silent since is in an earlier one.
    checked: Math.max(...found.map(({ checked }) => checked)),
    events: found.reduce((sum, { events }) => sum + events, 0),
    problems: found.flatMap(({ problems }) => problems),
  };
}

async function rebuildGeneration(
  log: EventLog,
  registry: RegistryView,
  into: Store,
  live: Live,
  onProgress: CompareOptions["onProgress"],
): Promise<void> {
  const progress =
    (what: string) => (at: { readonly partition: number; readonly next: number; readonly end: number }) =>
      onProgress?.(`${what}: partition ${at.partition}, ${at.next} of ${at.end}`);
  const frames = ends(live, "processor", log);
  const holds = live.holds;
  await refold({
    log,
    registry,
    into,
    partitions: [...frames.keys()],
    upTo: frames,
    holds,
    keepEvents: true,
    onProgress: progress("frames"),
  });
  const events = ends(live, "projector", log);
  await reproject({
    log,
    into,
    partitions: [...events.keys()],
    upTo: events,
    registryUpTo: registryEnd(live, log),
    onProgress: progress("events"),
  });
}

async function moveOn(log: EventLog, next: EventLog, into: Store, live: Live): Promise<void> {
  const byPartition = (role: FoldRole) => [...ends(live, role, log)].sort(([a], [b]) => a - b).map(([, end]) => end);
  await into.transaction(async ({ db }) => void (await db.deleteFrom("outbox").execute()));
  await moveToGeneration(into, {
    from: log.topics,
    ends: { frames: byPartition("processor"), events: byPartition("projector"), registry: [registryEnd(live, log)] },
    to: next.topics,
  });
}

function registryEnd({ positions }: Live, { topics }: EventLog): number {
  const row = positions.find(({ role, topic }) => role === "registry" && topic === topics.registry.name);
  return row?.next ?? firstOffsetOf(topics.registry);
}

async function compare(
  log: EventLog,
  store: Pick<Store, "snapshot">,
  scratch: Store,
  live: Live,
  chains: ChainComparison,
): Promise<Comparison> {
  const sets = new Map(
    Array.from({ length: log.topics.frames.partitions }, (_, partition) => [partition, firstTableSet]),
  );
  const rebuilt = await partitionChecksums(scratch.reader, { processor: sets, projector: sets });
  rebuilt.set("registry_version", await registryChecksum(scratch.reader));
  const tables = compareSums(live.sums, rebuilt);
  const rows = tables.reduce((sum, { live: { rows: count } }) => sum + count, 0);
  const named = await store.snapshot((db) => differences(log, db, scratch.reader, live, rebuilt));
  const problems = [
    ...tables.filter((table) => !table.equal).map(differs),
    ...named,
    ...chains.problems,
    ...(rows === 0 ? ["There are no rows: nothing was compared."] : []),
  ];
  return { ok: problems.length === 0, tables, rows, chains, problems };
}

/** The rows of the partitions that differ, where the live ones are still those that were compared. */
async function differences(
  log: EventLog,
  db: Kysely<Schema>,
  scratch: Kysely<Schema>,
  live: Live,
  rebuilt: ReadonlyMap<string, TableChecksum>,
): Promise<readonly string[]> {
  const now = await db.selectFrom("position").selectAll().execute();
  const named: string[] = [];
  for (const [part, sum] of live.sums) {
    const [name, number] = part.split("/");
    const table = checksumTables.find((one) => one === name);
    if (!table || sum.sha256 === rebuilt.get(part)?.sha256 || named.length >= mostNamed) continue;
    const partition = Number(number);
    const [before, after] = [live.positions, now].map((positions) =>
      positionsOf(positions, derivedTables[table], log).find((row) => row.partition === partition),
    );
    if (!before || before.next !== after?.next || before.table_set !== after.table_set) continue;
    const sides = [
      { db, tableSet: before.table_set },
      { db: scratch, tableSet: firstTableSet },
    ] as const;
    named.push(...(await differingRows(table, partition, ...sides, mostNamed - named.length)));
  }
  return named;
}

function positionsOf(positions: readonly PositionRow[], role: FoldRole, log: EventLog): readonly PositionRow[] {
  const topic = role === "processor" ? log.topics.frames : log.topics.events;
  return positions.filter((row) => row.role === role && row.topic === topic.name);
}

function ends(live: Live, role: FoldRole, log: EventLog): ReadonlyMap<number, number> {
  return new Map(positionsOf(live.positions, role, log).map((row) => [row.partition, row.next]));
}
