// Promise 3 checked on real data: everything folded again from offset zero into a scratch store, beside a live process or
// without one, and compared with the live tables at equal positions (`rebuild --compare-only`, L4 of the ledger check).
import { createHash } from "node:crypto";
import type { Kysely } from "kysely";

import type { EventLog } from "../../core/log/log.ts";
import { RegistryView } from "../../core/registry/view.ts";
import { tableChecksums, checksumTables, type ChecksumTable, type TableChecksum } from "../../core/store/checksum.ts";
import { openSqliteStore } from "../../core/store/store-sqlite.ts";
import type { Store } from "../../core/store/store.ts";
import { derivedTables, type PositionRow, type QuarantineRow, type Schema } from "../../core/store/tables.ts";
import { refold } from "../../processors/refold.ts";
import { reproject } from "../../projections/models/reproject.ts";
import { compareEvents, type ChainComparison } from "./compare-events.ts";
import { withScratchFolder } from "./scratch-folder.ts";
import type { Source } from "./source.ts";

export interface TableComparison {
  readonly table: ChecksumTable | "registry_version";
  readonly live: TableChecksum;
  readonly rebuilt: TableChecksum;
  readonly equal: boolean;
}

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
  readonly positions: readonly PositionRow[];
  readonly holds: readonly QuarantineRow[];
  readonly sums: ReadonlyMap<string, TableChecksum>;
  /** Concluded and not yet in the log, by partition. */
  readonly outbox: ReadonlyMap<number, number>;
}

const scratchSet = 1;
type Role = "processor" | "projector";

/** @throws WattlogError `log/unavailable` | `store/unavailable` when the folder holds nothing to compare. */
export async function compareWithRebuild({ source, onProgress }: CompareOptions): Promise<Comparison> {
  const log = await source.openLog();
  const store = await source.openStore();
  try {
    onProgress?.("checksums of the live tables");
    const live = await store.snapshot((db) => readLive(db, log));
    return await withScratchFolder(source.scratchIn, async (folder) => {
      const scratch = openSqliteStore(folder);
      try {
        await scratch.migrate();
        await rebuild(log, scratch, live, onProgress);
        return await compare(log, scratch, live);
      } finally {
        await scratch.close();
      }
    });
  } finally {
    await store.close();
    await log.close();
  }
}

async function readLive(db: Kysely<Schema>, log: EventLog): Promise<Live> {
  const positions = await db.selectFrom("position").selectAll().execute();
  const sums = new Map<string, TableChecksum>();
  for (const role of ["processor", "projector"] as const) {
    for (const row of positionsOf(positions, role, log)) {
      const all = await tableChecksums(db, row.table_set, row.partition);
      for (const table of tablesOf(role)) sums.set(`${table}/${row.partition}`, all[table]);
    }
  }
  sums.set("registry_version", await registryChecksum(db));
  const waiting = await db
    .selectFrom("live_outbox")
    .select(["partition", (eb) => eb.fn.sum<number>("count").as("events")])
    .groupBy("partition")
    .execute();
  const holds = await db.selectFrom("live_quarantine").selectAll().execute();
  return { positions, holds, sums, outbox: new Map(waiting.map((row) => [row.partition, row.events])) };
}

async function rebuild(
  log: EventLog,
  into: Store,
  live: Live,
  onProgress: CompareOptions["onProgress"],
): Promise<void> {
  const registry = new RegistryView(log);
  await registry.start();
  const progress =
    (what: string) => (at: { readonly partition: number; readonly next: number; readonly end: number }) =>
      onProgress?.(`${what}: partition ${at.partition}, ${at.next} of ${at.end}`);
  try {
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
    const registryUpTo = live.positions.find((row) => row.role === "registry")?.next ?? 0;
    await reproject({
      log,
      into,
      partitions: [...events.keys()],
      upTo: events,
      registryUpTo,
      onProgress: progress("events"),
    });
  } finally {
    await registry.stop();
  }
}

async function compare(log: EventLog, scratch: Store, live: Live): Promise<Comparison> {
  const rebuilt = new Map<string, TableChecksum>([["registry_version", await registryChecksum(scratch.reader)]]);
  for (let partition = 0; partition < log.topics.frames.partitions; partition++) {
    const sums = await tableChecksums(scratch.reader, scratchSet, partition);
    for (const table of checksumTables) rebuilt.set(`${table}/${partition}`, sums[table]);
  }
  const tables = [...checksumTables, "registry_version" as const].map((table) =>
    compareTable(table, live.sums, rebuilt),
  );
  const chains = await compareEvents({
    log,
    scratch: scratch.reader,
    upTo: ends(live, "processor", log),
    outbox: live.outbox,
  });
  const rows = tables.reduce((sum, { live: { rows: count } }) => sum + count, 0);
  const problems = [
    ...tables.filter((table) => !table.equal).map(differs),
    ...chains.problems,
    ...(rows === 0 ? ["There are no rows: nothing was compared."] : []),
  ];
  return { ok: problems.length === 0, tables, rows, chains, problems };
}

function differs({ table, live, rebuilt }: TableComparison): string {
  return `${table} differs from its rebuild: ${live.rows} rows are live, ${rebuilt.rows} come from the log (checksums ${live.sha256.slice(0, 12)} and ${rebuilt.sha256.slice(0, 12)}).`;
}

function compareTable(table: TableComparison["table"], live: Live["sums"], rebuilt: Live["sums"]): TableComparison {
  const [a, b] = [joined(table, live, live), joined(table, rebuilt, live)];
  return { table, live: a, rebuilt: b, equal: a.rows === b.rows && a.sha256 === b.sha256 };
}

const nothing: TableChecksum = { rows: 0, sha256: createHash("sha256").digest("hex") };

/** Of all partitions that are live on `reference`. */
function joined(table: string, sums: Live["sums"], reference: Live["sums"]): TableChecksum {
  if (table === "registry_version") return sums.get(table) ?? nothing;
  const parts = [...reference.keys()].filter((key) => key.startsWith(`${table}/`)).sort();
  const hash = createHash("sha256");
  let rows = 0;
  for (const part of parts) {
    const sum = sums.get(part) ?? nothing;
    rows += sum.rows;
    hash.update(sum.sha256);
  }
  return { rows, sha256: hash.digest("hex") };
}

function positionsOf(positions: readonly PositionRow[], role: Role, log: EventLog): readonly PositionRow[] {
  const topic = role === "processor" ? log.topics.frames : log.topics.events;
  return positions.filter((row) => row.role === role && row.topic === topic.name);
}

function ends(live: Live, role: Role, log: EventLog): ReadonlyMap<number, number> {
  return new Map(positionsOf(live.positions, role, log).map((row) => [row.partition, row.next]));
}

function tablesOf(role: Role): readonly ChecksumTable[] {
  return checksumTables.filter((table) => derivedTables[table] === role);
}

async function registryChecksum(db: Kysely<Schema>): Promise<TableChecksum> {
  const hash = createHash("sha256");
  const found = await db.selectFrom("registry_version").selectAll().orderBy("version").execute();
  for (const row of found) {
    hash.update(
      `${JSON.stringify([row.version, row.party, row.entity, row.id, row.document, row.actor, row.log_time])}\n`,
    );
  }
  return { rows: found.length, sha256: hash.digest("hex") };
}
