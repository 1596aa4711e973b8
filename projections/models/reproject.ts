// The projection again from offset zero into a scratch store, for comparison with the live tables (promise 3).
import { limits } from "../../core/config/limits.ts";
import type { EventLog, LogBatch } from "../../core/log/log.ts";
import type { Store } from "../../core/store/store.ts";
import { Projection } from "./batch.ts";
import { openPosition } from "../../core/store/position.ts";
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
  const { log, into, partitions } = options;
  for (const partition of partitions) await reprojectPartition(options, partition);
  if (options.registryUpTo === null) return;
  const end = options.registryUpTo ?? (await log.endOffset(log.topics.registry, 0));
  const table = new RegistryTable(log, into);
  const from = await table.open();
  for await (const batch of log.read(log.topics.registry, 0, from, end)) await table.handle(batch);
}

async function reprojectPartition(options: ReprojectOptions, partition: number): Promise<void> {
  const { log, into, upTo, onProgress } = options;
  const topic = log.topics.events;
  const end = upTo?.get(partition) ?? (await log.endOffset(topic, partition));
  const projection = new Projection(into, await openPosition(into, projectorRole, topic, partition));
  for await (const batch of log.read(topic, partition, projection.position.next, end)) {
    for (const part of parts(batch)) {
      const { position } = await projection.project(part);
      onProgress?.({ partition, next: position.next, end });
    }
  }
}

/** A read may give more at once than one transaction should hold. */
function* parts(batch: LogBatch): Generator<LogBatch> {
  for (let at = 0; at < batch.records.length; at += limits.foldBatchRecords) {
    yield { ...batch, records: batch.records.slice(at, at + limits.foldBatchRecords) };
  }
}
