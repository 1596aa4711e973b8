// What waits for one partition of `ocpp.frames`, and what of it is on its way.
import type { Timer } from "../../core/runtime/clock.ts";
import type { AppenderOptions, Pending } from "./appender.ts";

export interface PartitionQueue {
  readonly partition: number;
  queued: Pending[];
  outstanding: readonly Pending[];
  /** On their way beside that batch, an append each. */
  readonly alone: Pending[];
  /** Queued and on their way. */
  bytes: number;
  /** Why upgrades are refused; undefined: well. */
  sick: "stalled" | "rejected" | undefined;
  /** Among those that have something to send and may. */
  ready: boolean;
  /** In which the outstanding batch left. */
  round: number;
  failures: number;
  retry: Timer | undefined;
  /** Log time - monotonic time at the last receipt. */
  logTimeAhead: number | undefined;
}

export const none: readonly Pending[] = [];
/** What a record costs beyond its bytes, roughly: key, envelope of the log, object. */
export const overheadBytes = 128;

export function newQueue(partition: number): PartitionQueue {
  return {
    partition,
    queued: [],
    outstanding: none,
    alone: [],
    bytes: 0,
    sick: undefined,
    ready: false,
    round: 0,
    failures: 0,
    retry: undefined,
    logTimeAhead: undefined,
  };
}

/** Far more than the commands of a partition's stations that a slow commit holds up. */
const mostAlone = 64;

/**
 * Whether a record that somebody waits for need not wait for the batch that is on its way, and so for two commits. Not
 * where anything of its station is before it: that could fail, and this would stand without it. Not one that is retried,
 * nor while the log refuses.
 */
export function mayGoAlone(queue: PartitionQueue, pending: Pending): boolean {
  const { outstanding, queued, alone, sick, retry } = queue;
  if (outstanding === none || pending.essential || sick !== undefined || retry !== undefined) return false;
  if (alone.length >= mostAlone) return false;
  return [outstanding, queued, alone].every((before) => before.every(({ key }) => key !== pending.key));
}

/** Of the record that waits longest for its receipt, ms; 0: none waits. */
export function ageOf(queue: PartitionQueue, now: number): number {
  const oldest = queue.outstanding[0] ?? queue.queued[0];
  const alone = queue.alone[0];
  return Math.max(oldest ? now - oldest.enqueuedAt : 0, alone ? now - alone.enqueuedAt : 0);
}

/** Takes the next batch off the queue; who is not to be answered any more is left out. */
export function takeBatch(
  queue: PartitionQueue,
  { batchRecords, batchBytes }: Pick<AppenderOptions, "batchRecords" | "batchBytes">,
): readonly Pending[] {
  const batch: Pending[] = [];
  let bytes = 0;
  let at = 0;
  const waiting = queue.queued;
  for (; at < waiting.length && batch.length < batchRecords; at++) {
    const pending = waiting[at]!;
    if (!pending.essential && !pending.wanted()) {
      queue.bytes -= pending.value.length + overheadBytes;
      pending.lost();
      continue;
    }
    if (bytes > 0 && bytes + pending.value.length > batchBytes) break;
    bytes += pending.value.length;
    batch.push(pending);
  }
  queue.queued = at === waiting.length ? [] : waiting.slice(at);
  return batch;
}
