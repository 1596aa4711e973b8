// Promise 3 checked on real data: everything folded again from offset zero into a scratch store, beside a live process or
// without one, and compared with the live tables at equal positions (`rebuild --compare-only`, L4 of the ledger check).
import type { Kysely } from "kysely";

import { firstOffsetOf } from "../../core/log/generations.ts";
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
import { foldedGenerations, positionsOf } from "./folded-generations.ts";
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

/** Of one moment. */
interface Folded {
  /** The log as it was in each generation that was folded, the oldest first; never empty. */
  readonly generations: readonly EventLog[];
  readonly positions: readonly PositionRow[];
  readonly holds: readonly QuarantineRow[];
}

/** What the live side says, all of one moment. */
interface Live extends Folded {
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
        const registry = new RegistryView(whole);
        await registry.start();
        try {
          const chains = await rebuild(registry, scratch, live, onProgress);
          return await compare({ whole, registry, store, scratch, live }, chains);
        } finally {
          await registry.stop();
        }
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
  const folded = await readFolded(db, whole);
  const { positions, generations } = folded;
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
  return { ...folded, sums, outbox: new Map(waiting.map((row) => [row.partition, row.events])) };
}

/** How far live is, and what a rebuild up to there needs to know of it. */
async function readFolded(db: Kysely<Schema>, whole: EventLog): Promise<Folded> {
  const positions = await db.selectFrom("position").selectAll().execute();
  const folded = foldedGenerations(whole, positions);
  const holds = await db.selectFrom("live_quarantine").selectAll().execute();
  return { generations: folded.length > 0 ? folded : [whole], positions, holds };
}

/** Generation after generation, each from its first record to where live stands; rows move between them as they did there. */
async function rebuild(
  registry: RegistryView,
  into: Store,
  live: Live,
  onProgress: CompareOptions["onProgress"],
): Promise<ChainComparison> {
  const found: ChainComparison[] = [];
  for (const [at, log] of live.generations.entries()) {
    await rebuildGeneration(log, registry, into, live, onProgress);
    const next = live.generations[at + 1];
    const outbox = next ? new Map<number, number>() : live.outbox;
    found.push(await compareEvents({ log, scratch: into.reader, upTo: ends(live, "processor", log), outbox }));
    if (next) await moveOn(log, next, into, live);
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
  live: Folded,
  onProgress?: CompareOptions["onProgress"],
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

function registryEnd({ positions }: Folded, { topics }: EventLog): number {
  const row = positions.find(({ role, topic }) => role === "registry" && topic === topics.registry.name);
  return row?.next ?? firstOffsetOf(topics.registry);
}

interface Sides {
  readonly whole: EventLog;
  readonly registry: RegistryView;
  readonly store: Pick<Store, "snapshot">;
  readonly scratch: Store;
  readonly live: Live;
}

async function compare(sides: Sides, chains: ChainComparison): Promise<Comparison> {
  const { store, scratch, live } = sides;
  const log = live.generations.at(-1)!;
  const sets = new Map(
    Array.from({ length: log.topics.frames.partitions }, (_, partition) => [partition, firstTableSet]),
  );
  const rebuilt = await partitionChecksums(scratch.reader, { processor: sets, projector: sets });
  rebuilt.set("registry_version", await registryChecksum(scratch.reader));
  const tables = compareSums(live.sums, rebuilt);
  const rows = tables.reduce((sum, { live: { rows: count } }) => sum + count, 0);
  const different = [...live.sums].filter(([part, sum]) => sum.sha256 !== rebuilt.get(part)?.sha256);
  const parts = different.map(([part]) => part);
  const named = parts.length === 0 ? [] : await store.snapshot((db) => differences(sides, db, parts));
  const problems = [
    ...tables.filter((table) => !table.equal).map(differs),
    ...named,
    ...chains.problems,
    ...(rows === 0 ? ["There are no rows: nothing was compared."] : []),
  ];
  return { ok: problems.length === 0, tables, rows, chains, problems };
}

/**
 * The rows that differ, in the parts that did. Live may have moved on meanwhile; then the rebuild follows first.
 * @param parts `table/partition`
 */
async function differences(
  { whole, registry, scratch, live }: Sides,
  db: Kysely<Schema>,
  parts: readonly string[],
): Promise<readonly string[]> {
  const now = await readFolded(db, whole);
  const log = now.generations.at(-1)!;
  if (now.generations.length !== live.generations.length) return ["A generation began meanwhile: no row is named."];
  await rebuildGeneration(log, registry, scratch, now);
  const named: string[] = [];
  for (const part of parts) {
    const [name, number] = part.split("/");
    const table = checksumTables.find((one) => one === name);
    if (!table || named.length >= mostNamed) continue;
    const partition = Number(number);
    const at = positionsOf(now.positions, derivedTables[table], log).find((row) => row.partition === partition);
    if (!at) continue;
    const sides = [
      { db, tableSet: at.table_set },
      { db: scratch.reader, tableSet: firstTableSet },
    ] as const;
    named.push(...(await differingRows(table, partition, ...sides, mostNamed - named.length)));
  }
  return named.length > 0 ? named : ["No row that differed is different any more, now that live has moved on."];
}

function ends(live: Folded, role: FoldRole, log: EventLog): ReadonlyMap<number, number> {
  return new Map(positionsOf(live.positions, role, log).map((row) => [row.partition, row.next]));
}
