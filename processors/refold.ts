// Folds frames from offset 0 with the code of the live fold, sending nothing: into a scratch store, for comparison with the
// live tables (`rebuild --compare-only`, L4), or into a table set beside them that takes over (rule B1).
import type { EventLog } from "../core/log/log.ts";
import type { RegistryView } from "../core/registry/view.ts";
import type { FoldStore } from "../core/store/store.ts";
import type { PositionRow } from "../core/store/tables.ts";
import { limits } from "../core/config/limits.ts";
import { Folder } from "./engine/folder.ts";
import { firstTableSet, openPosition } from "../core/store/position.ts";
import type { KnownHold } from "./engine/partition-fold.ts";
import { processorRole, verifyPosition } from "./engine/position.ts";
import type { StationFold } from "./engine/station-fold.ts";
import { ocppFold, type StationState } from "./ocpp-fold.ts";

export interface RefoldInto {
  readonly log: EventLog;
  /** Started. */
  readonly registry: RegistryView;
  /** Migrated and empty, or where an earlier refold stopped. */
  readonly into: FoldStore;
  /** Write the outbox too, for a comparison of events; nobody sends it. */
  readonly keepEvents?: boolean;
  /** Of the position row; default: the live fold's, for a store where there is none. */
  readonly role?: string;
  readonly tableSet?: number;
  readonly fold?: StationFold<StationState>;
  readonly maxRecords?: number;
}

export interface RefoldOptions extends RefoldInto {
  readonly partitions: readonly number[];
  /** Partition -> position to stop at: those of the live tables that are compared with. */
  readonly upTo: ReadonlyMap<number, number>;
  /** The live quarantine table: what it held is held again, and until the same record (rule Q2). */
  readonly holds: readonly (KnownHold & { readonly partition: number })[];
  readonly onProgress?: (progress: { readonly partition: number; readonly next: number; readonly end: number }) => void;
}

/** @returns when every partition stands at its `upTo`. @throws WattlogError as a live fold would stop with. */
export async function refold(options: RefoldOptions): Promise<readonly PositionRow[]> {
  const rows: PositionRow[] = [];
  for (const partition of options.partitions) {
    const end = options.upTo.get(partition) ?? 0;
    const one = await PartitionRefold.open(options, partition);
    one.hold(options.holds.filter((row) => row.partition === partition));
    await one.foldTo(end, () => options.onProgress?.({ partition, next: one.position.next, end }));
    rows.push(one.position);
  }
  return rows;
}

/** One partition, as far as it is asked to. After an error it must not be used again. */
export class PartitionRefold {
  position: PositionRow;
  private readonly options: RefoldInto;
  private readonly folder: Folder<StationState>;
  private readonly known = new Map<number, KnownHold>();

  private constructor(options: RefoldInto, position: PositionRow) {
    const { log, registry, into: store, fold, keepEvents } = options;
    this.options = options;
    this.position = position;
    this.folder = new Folder({
      log,
      store,
      registry,
      reached: (at) => registry.reached(at),
      fold: fold ?? ocppFold,
      known: this.known,
      sends: keepEvents ?? false,
    });
  }

  /** @throws WattlogError `fold/fingerprint` where an earlier refold had another log. */
  static async open(options: RefoldInto, partition: number): Promise<PartitionRefold> {
    const { log, into, role, tableSet } = options;
    const topic = log.topics.frames;
    const position = await openPosition(into, role ?? processorRole, topic, partition, tableSet ?? firstTableSet);
    await verifyPosition(log, topic, position);
    return new PartitionRefold(options, position);
  }

  /** What the live fold held up to wherever this one is asked to fold next. */
  hold(rows: readonly KnownHold[]): void {
    this.known.clear();
    // Held by the gateway means held in the log already; what a fold could not read or take must be repeated.
    for (const row of rows) if (row.stage !== "gateway") this.known.set(row.record_offset, row);
  }

  /** Up to the log's end where that comes first: then it is not the log that was folded. */
  async foldTo(end: number, onStep: () => void = () => undefined): Promise<void> {
    const { log, maxRecords } = this.options;
    const step = maxRecords ?? limits.foldBatchRecords;
    while (this.position.next < end) {
      const before = this.position.next;
      const { frames } = log.topics;
      for await (const { records } of log.read(frames, this.position.partition, before, Math.min(before + step, end))) {
        this.position = await this.folder.fold(this.position, records, () => undefined);
      }
      onStep();
      if (this.position.next === before) return;
    }
  }
}
