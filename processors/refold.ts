// Folds frames from offset 0 into a scratch store with the code of the live fold, sending nothing: what `rebuild
// --compare-only` and the tests compare with the live tables (rules B1, L4).
import type { EventLog } from "../core/log/log.ts";
import type { RegistryView } from "../core/registry/view.ts";
import type { Store } from "../core/store/store.ts";
import type { PositionRow, QuarantineRow } from "../core/store/tables.ts";
import { limits } from "../core/config/limits.ts";
import { Folder } from "./engine/folder.ts";
import { openPosition } from "../core/store/position.ts";
import { verifyPosition } from "./engine/position.ts";
import type { StationFold } from "./engine/station-fold.ts";
import { ocppFold, type StationState } from "./ocpp-fold.ts";

export interface RefoldOptions {
  readonly log: EventLog;
  /** Started. */
  readonly registry: RegistryView;
  /** Migrated and empty, or where an earlier refold stopped. */
  readonly into: Store;
  readonly partitions: readonly number[];
  /** Partition -> position to stop at: those of the live tables that are compared with. */
  readonly upTo: ReadonlyMap<number, number>;
  /** The live quarantine table: what it held is held again, and until the same record (rule Q2). */
  readonly holds: readonly QuarantineRow[];
  readonly onProgress?: (progress: { readonly partition: number; readonly next: number; readonly end: number }) => void;
  /** Write the outbox too, for a comparison of events; nobody sends it. */
  readonly keepEvents?: boolean;
  readonly tableSet?: number;
  readonly fold?: StationFold<StationState>;
  readonly maxRecords?: number;
}

/** @returns when every partition stands at its `upTo`. @throws WattlogError as a live fold would stop with. */
export async function refold(options: RefoldOptions): Promise<readonly PositionRow[]> {
  const rows: PositionRow[] = [];
  for (const partition of options.partitions) rows.push(await refoldPartition(options, partition));
  return rows;
}

async function refoldPartition(options: RefoldOptions, partition: number): Promise<PositionRow> {
  const { log, registry, into: store, onProgress } = options;
  const topic = log.topics.frames;
  const end = options.upTo.get(partition) ?? 0;
  // Held by the gateway means held in the log already; only what a fold could not take must be repeated.
  const held = options.holds.filter((row) => row.partition === partition && row.stage === "fold");
  const known = new Map(held.map((row) => [row.record_offset, row]));
  let position = await openPosition(store, "processor", topic, partition, options.tableSet ?? 1);
  await verifyPosition(log, topic, position);
  const fold = options.fold ?? ocppFold;
  const folder = new Folder({
    log,
    store,
    registry,
    reached: (at) => registry.reached(at),
    fold,
    known,
    sends: options.keepEvents ?? false,
  });
  const step = options.maxRecords ?? limits.foldBatchRecords;
  while (position.next < end) {
    const before = position.next;
    for await (const { records } of log.read(topic, partition, before, Math.min(before + step, end))) {
      position = await folder.fold(position, records, () => undefined);
    }
    onProgress?.({ partition, next: position.next, end });
    // The log ends before the position to compare at: it is not the log that was folded.
    if (position.next === before) break;
  }
  return position;
}
