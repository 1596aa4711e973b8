// The projection again from offset zero: into a scratch store, for comparison with the live tables (promise 3), or into a
// table set beside them that takes over (rule B1).
import { limits } from "../../core/config/limits.ts";
import type { EventLog, LogBatch } from "../../core/log/log.ts";
import type { FoldStore, Store } from "../../core/store/store.ts";
import type { PositionRow } from "../../core/store/tables.ts";
import { Projection } from "./batch.ts";
import { openPosition } from "../../core/store/position.ts";
import { verifyFingerprint } from "./position.ts";
import { projectorRole } from "./projector.ts";
import { RegistryTable } from "./registry-table.ts";

export interface ReprojectOptions {
  readonly log: EventLog;
  /** Migrated, and empty or left by an earlier run of the same: it goes on where that one ended. */
  readonly into: Store;
  readonly partitions: readonly number[];
  /** Exclusive end offset by partition of `charging.events`; absent: where it ends at the call. */
  readonly upTo?: ReadonlyMap<number, number>;
  /** Exclusive end offset of `registry.events`; `null`: leave `registry_version` alone; absent: its end. */
  readonly registryUpTo?: number | null;
  readonly onProgress?: (progress: { readonly partition: number; readonly next: number; readonly end: number }) => void;
}

export async function reproject(options: ReprojectOptions): Promise<void> {
  const { log, into, partitions, upTo, onProgress } = options;
  for (const partition of partitions) {
    const end = upTo?.get(partition) ?? (await log.endOffset(log.topics.events, partition));
    const one = await PartitionReprojection.open({ log, into }, partition);
    await one.projectTo(end, () => onProgress?.({ partition, next: one.position.next, end }));
  }
  if (options.registryUpTo === null) return;
  const end = options.registryUpTo ?? (await log.endOffset(log.topics.registry, 0));
  const table = new RegistryTable(log, into);
  const from = await table.open();
  for await (const batch of log.read(log.topics.registry, 0, from, end)) await table.handle(batch);
}

export interface ReprojectInto {
  readonly log: EventLog;
  readonly into: FoldStore;
  /** Of the position row; default: the live projection's, for a store where there is none. */
  readonly role?: string;
  readonly tableSet?: number;
  readonly maxRecords?: number;
}

/** One partition, as far as it is asked to. After an error it must not be used again. */
export class PartitionReprojection {
  private readonly options: ReprojectInto;
  private readonly projection: Projection;

  private constructor(options: ReprojectInto, position: PositionRow) {
    this.options = options;
    this.projection = new Projection(options.into, position);
  }

  get position(): PositionRow {
    return this.projection.position;
  }

  /** @throws WattlogError `fold/fingerprint` where an earlier one had another log. */
  static async open(options: ReprojectInto, partition: number): Promise<PartitionReprojection> {
    const { log, into, role, tableSet } = options;
    const topic = log.topics.events;
    const position = await openPosition(into, role ?? projectorRole, topic, partition, tableSet);
    await verifyFingerprint(log, topic, position);
    return new PartitionReprojection(options, position);
  }

  /** Up to the log's end where that comes first. */
  async projectTo(end: number, onStep: () => void = () => undefined): Promise<void> {
    const { log, maxRecords } = this.options;
    const { partition, next } = this.position;
    for await (const batch of log.read(log.topics.events, partition, next, end)) {
      for (const part of parts(batch, maxRecords ?? limits.foldBatchRecords)) {
        await this.projection.project(part);
        onStep();
      }
    }
  }
}

/** A read may give more at once than one transaction should hold. */
function* parts(batch: LogBatch, most: number): Generator<LogBatch> {
  for (let at = 0; at < batch.records.length; at += most) {
    yield { ...batch, records: batch.records.slice(at, at + most) };
  }
}
