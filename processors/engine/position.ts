// Rule F3: the position row of a partition. A batch begins exactly at `next`; rows and position move in one transaction;
// whoever finds the row moved by somebody else stops.
import { firstOffsetOf } from "../../core/log/generations.ts";
import type { EventLog, LogRecord, Topic } from "../../core/log/log.ts";
import { WattlogError } from "../../core/runtime/errors.ts";
import { fingerprintOf } from "../../core/store/position.ts";
import type { PositionRow } from "../../core/store/tables.ts";
import type { Counts } from "./batch.ts";

export const processorRole = "processor" as const;

/**
 * That the log is still the one that was folded.
 * @throws WattlogError `fold/fingerprint`
 */
export async function verifyPosition(log: EventLog, topic: Topic, position: PositionRow): Promise<void> {
  const { partition, next, generation } = position;
  if (generation === topic.generation && next === firstOffsetOf(topic)) return;
  if (generation === topic.generation && next <= (await log.endOffset(topic, partition))) {
    for await (const batch of log.read(topic, partition, next - 1, next)) {
      const record = batch.records[0];
      if (record && fingerprintOf(record.value) === position.fingerprint) return;
      break;
    }
  }
  throw new WattlogError(
    "fold/fingerprint",
    `${topic.name}/${partition}: record ${next - 1} is not the one that was folded, so log and store do not belong ` +
      'together. Restore the matching pair, or have new tables made from this log: docs/rebuild.md, "Another log".',
  );
}

export function positionAfter(from: PositionRow, last: LogRecord, counts: Counts): PositionRow {
  return {
    ...from,
    next: last.offset + 1,
    fingerprint: fingerprintOf(last.value),
    applied: from.applied + counts.applied,
    skipped: from.skipped + counts.skipped,
    quarantined: from.quarantined + counts.quarantined,
    parked: from.parked + counts.parked,
    log_time: last.logTime,
  };
}
