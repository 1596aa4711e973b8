// Rule F3: the position row of one partition. Rows and position move in one transaction, a batch begins exactly at
// `next`, and whoever finds that somebody else moved the row stops.
import { firstOffsetOf } from "../../core/log/generations.ts";
import type { EventLog, LogBatch, Topic } from "../../core/log/log.ts";
import { WattlogError } from "../../core/runtime/errors.ts";
import { fingerprintOf } from "../../core/store/position.ts";
import type { PositionRow } from "../../core/store/tables.ts";

/**
 * That the log still is the one that was folded: record next-1 has the fingerprint that the row holds.
 * @throws WattlogError `fold/fingerprint`
 */
export async function verifyFingerprint(log: EventLog, topic: Topic, position: PositionRow): Promise<void> {
  if (position.next === firstOffsetOf(topic)) return;
  for await (const batch of log.read(topic, position.partition, position.next - 1, position.next)) {
    const record = batch.records[0];
    if (record && fingerprintOf(record.value) === position.fingerprint) return;
    break;
  }
  throw new WattlogError(
    "fold/fingerprint",
    `${topic.name}/${position.partition}: record ${position.next - 1} is not the one that ${position.role} folded. The log ` +
      `and the store do not belong together; restore the matching pair, or have new tables made from this log: docs/rebuild.md, "Another log".`,
  );
}

/** The row after `batch`. @throws WattlogError `fold/zombie` when the batch does not begin at `next`. */
export function positionAfter(
  from: PositionRow,
  batch: LogBatch,
  counted: { readonly applied: number; readonly skipped: number },
): PositionRow {
  const first = batch.records[0]!;
  const last = batch.records.at(-1)!;
  if (first.offset !== from.next) {
    throw new WattlogError(
      "fold/zombie",
      `${from.role} stands at ${from.topic}/${from.partition}:${from.next} and was given a batch at ${first.offset}; restart it.`,
    );
  }
  return {
    ...from,
    next: last.offset + 1,
    fingerprint: fingerprintOf(last.value),
    applied: from.applied + counted.applied,
    skipped: from.skipped + counted.skipped,
    log_time: last.logTime,
  };
}
