// Events on their way from a fold to `charging.events`: some hundreds share a row of the outbox, for a row of its own was
// written, indexed and deleted for each.
import { limits } from "../../core/config/limits.ts";
import type { Entry } from "../../core/log/log.ts";
import { packBundle, unpackBundle } from "../../core/records/bundle.ts";
import type { KeyOf } from "../../core/store/store.ts";
import type { OutboxRow } from "../../core/store/tables.ts";
import type { Scope } from "./batch.ts";

/** One event; its sequence orders it among those of its partition. */
export interface Outgoing extends Entry {
  readonly sequence: number;
}

/** What one row of the outbox holds. */
export interface Bundle {
  readonly key: KeyOf<"outbox">;
  readonly entries: readonly Entry[];
  /** Of the values. */
  readonly bytes: number;
}

/** The log takes twice as much in one append. */
const bundleBytes = limits.appendBatchBytes / 4;

/** Each fits into one append; one that is larger by itself stands alone. */
export function bundlesOf({ tableSet, partition }: Omit<Scope, "generation">, events: readonly Outgoing[]): Bundle[] {
  const bundles: Bundle[] = [];
  for (let from = 0; from < events.length;) {
    let bytes = events[from]!.value.length;
    let end = from + 1;
    while (end < events.length && end - from < limits.foldAppendRecords) {
      const size = events[end]!.value.length;
      if (bytes + size > bundleBytes) break;
      bytes += size;
      end++;
    }
    const key = { table_set: tableSet, partition, sequence: events[end - 1]!.sequence };
    bundles.push({ key, entries: events.slice(from, end), bytes });
    from = end;
  }
  return bundles;
}

export function rowOf({ key, entries }: Bundle): OutboxRow {
  return { ...key, count: entries.length, events: packBundle(entries) };
}

/** @throws CorruptRecordError */
export function bundleOf({ table_set, partition, sequence, events }: OutboxRow): Bundle {
  return { key: { table_set, partition, sequence }, entries: unpackBundle(events), bytes: events.length };
}
