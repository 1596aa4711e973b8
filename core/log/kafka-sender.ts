// The guard around a Kafka producer (dependencies, "faults that lose acknowledged data"): what `append` acknowledges is
// in the log, whatever the client library gets wrong, and one sick partition holds up no other.
//
//  - Partitions are sharded over a few lanes; a lane has one producer and one request outstanding.
//  - An answer counts only if it covers every partition sent, each with an offset above the last one acknowledged and
//    with a log time. Anything else, a rejection, or silence ends that producer: its sequence numbers are not trusted
//    again, for a later batch could be taken for a duplicate and acknowledged unstored.
//  - The partitions of a failed batch leave the lane. Each sends that batch again, and what follows, through a producer
//    of its own, patiently; what fails there too is rejected. After some clean batches it goes back to its lane.
// A batch that is sent again may stand in the log twice: readers drop repeats by frame id.
import { WattlogError, messageOf } from "../runtime/errors.ts";
import { SenderLane, type LaneOutcome } from "./kafka-sender-lane.ts";
import { nameOf, type MakeProducer, type OutEntry, type PartitionId } from "./kafka-wire.ts";
import type { Receipt } from "./log.ts";

export type AnomalyKind = "rejected" | "refused" | "missing" | "offset" | "log-time" | "watchdog" | "connect";

export interface Anomaly {
  readonly kind: AnomalyKind;
  /** A sentence for the log. */
  readonly detail: string;
}

export interface SenderOptions {
  readonly lanes: number;
  /** A record's value at most. */
  readonly entryBytes: number;
  /** Of one partition in one request; a topic's max.message.bytes is above it. */
  readonly batchBytes: number;
  /** Handed in and not yet settled. */
  readonly queueBytes: number;
  /** The client gives up on a request after this. */
  readonly requestMs: number;
  /** We give up on the client after this; above `requestMs`. */
  readonly watchdogMs: number;
  /** The same for a producer of one partition, which tries again meanwhile. */
  readonly soloWatchdogMs: number;
  /** So many in a row, and a partition goes back to its lane. */
  readonly cleanBatches: number;
  /** Pause of a lane whose producer could not connect. */
  readonly reconnectMs: number;
}

export const senderDefaults: SenderOptions = {
  // Fewer requests cost less; a batch that fails is sent again, so more lanes would not isolate better.
  lanes: 2,
  entryBytes: 1024 * 1024,
  batchBytes: 4 * 1024 * 1024,
  queueBytes: 64 * 1024 * 1024,
  requestMs: 3_000,
  watchdogMs: 4_500,
  soloWatchdogMs: 6_000,
  cleanBatches: 5,
  reconnectMs: 250,
};

/** What Kafka adds to a record at most: lengths, deltas, attributes; and our share of the batch's head. */
export const recordOverheadBytes = 32;

/** One append. */
export interface Waiting {
  readonly entries: readonly OutEntry[];
  readonly bytes: number;
  readonly resolve: (receipt: Receipt) => void;
  readonly reject: (error: WattlogError) => void;
}

export interface PartitionState {
  readonly id: PartitionId;
  readonly home: SenderLane;
  lane: SenderLane;
  queue: Waiting[];
  /** The last offset acknowledged; a base offset must be above it. */
  lastOffset: number;
  /** Clean batches in a row since it left its lane. */
  clean: number;
}

export class KafkaSender {
  private readonly options: SenderOptions;
  private readonly make: MakeProducer;
  private readonly onAnomaly: (anomaly: Anomaly) => void;
  private readonly lanes: readonly SenderLane[];
  private readonly solos = new Set<SenderLane>();
  private readonly partitions = new Map<string, PartitionState>();
  private queued = 0;
  private waiting = 0;
  private closing = false;
  private onIdle: (() => void) | undefined;

  constructor(make: MakeProducer, options: SenderOptions, onAnomaly: (anomaly: Anomaly) => void) {
    this.make = make;
    this.options = options;
    this.onAnomaly = onAnomaly;
    this.lanes = Array.from({ length: options.lanes }, () => this.newLane(false));
  }

  /** Bytes appended and not yet acknowledged. */
  get queuedBytes(): number {
    return this.queued;
  }

  /** Partitions that send through a producer of their own now. */
  get soloPartitions(): number {
    return this.solos.size;
  }

  append(id: PartitionId, entries: readonly OutEntry[]): Promise<Receipt> {
    if (this.closing) return Promise.reject(new WattlogError("log/closed", "The log is closed."));
    const refusal = this.refuse(entries);
    if (refusal) return Promise.reject(refusal);
    const bytes = sizeOf(entries);
    const state = this.stateOf(id);
    this.queued += bytes;
    this.waiting++;
    return new Promise<Receipt>((resolve, reject) => {
      const settled = (): void => {
        this.queued -= bytes;
        if (--this.waiting === 0) this.onIdle?.();
      };
      state.queue.push({
        entries,
        bytes,
        resolve(receipt) {
          settled();
          resolve(receipt);
        },
        reject(error) {
          settled();
          reject(error);
        },
      });
      state.lane.wants(state);
    });
  }

  /** Takes nothing more; resolves when everything handed in is settled and the producers are ended. */
  async close(): Promise<void> {
    this.closing = true;
    if (this.waiting > 0) await new Promise<void>((resolve) => (this.onIdle = resolve));
    for (const lane of [...this.lanes, ...this.solos]) lane.end();
    this.solos.clear();
  }

  private refuse(entries: readonly OutEntry[]): WattlogError | undefined {
    const { entryBytes, batchBytes, queueBytes } = this.options;
    const large = entries.find(({ key, value }) => value.length > entryBytes || key.length > entryBytes);
    if (large) {
      const size = `${large.value.length} bytes under a key of ${large.key.length}`;
      return new WattlogError("log/too-large", `A record of ${size} does not fit: at most ${entryBytes} bytes each.`);
    }
    const bytes = sizeOf(entries);
    if (bytes > batchBytes) {
      return new WattlogError("log/too-large", `${bytes} bytes in one append are more than ${batchBytes}; split it.`);
    }
    if (this.queued + bytes <= queueBytes) return undefined;
    const sentence = `The log's queue is full (${this.queued} of ${queueBytes} bytes wait for Kafka); try again later.`;
    return new WattlogError("log/full", sentence);
  }

  private stateOf(id: PartitionId): PartitionState {
    const name = nameOf(id);
    const known = this.partitions.get(name);
    if (known) return known;
    const home = this.lanes[id.partition % this.lanes.length]!;
    const state: PartitionState = { id, home, lane: home, queue: [], lastOffset: -1, clean: 0 };
    this.partitions.set(name, state);
    return state;
  }

  private newLane(solo: boolean): SenderLane {
    const lane = new SenderLane(this.make, this.options, solo, (outcome) => this.settle(lane, outcome));
    return lane;
  }

  private settle(lane: SenderLane, { sent, failures, error, anomalies }: LaneOutcome): void {
    for (const anomaly of anomalies) this.onAnomaly(anomaly);
    // Without a connection there is nothing that a producer of its own could do better.
    const final = lane.solo || (error instanceof WattlogError && error.code === "log/unavailable");
    for (const { state, waitings } of sent) {
      const failure = failures.get(state) ?? error;
      if (failure === undefined) this.clean(state);
      else if (final || (isTooLarge(failure) && (sent.length === 1 || failures.has(state)))) {
        this.giveUp(state, waitings, failure);
      } else this.leaveLane(state, waitings);
    }
  }

  private giveUp(state: PartitionState, waitings: readonly Waiting[], failure: Error): void {
    state.clean = 0;
    for (const { reject } of waitings) reject(asWattlogError(state.id, failure));
    if (state.queue.length > 0) state.lane.wants(state);
  }

  private leaveLane(state: PartitionState, waitings: readonly Waiting[]): void {
    state.queue = [...waitings, ...state.queue];
    state.clean = 0;
    state.lane = this.newLane(true);
    this.solos.add(state.lane);
    state.lane.wants(state);
  }

  private clean(state: PartitionState): void {
    const { lane } = state;
    if (lane.solo && ++state.clean >= this.options.cleanBatches) {
      this.solos.delete(lane);
      lane.end();
      state.lane = state.home;
    }
    if (state.queue.length > 0) state.lane.wants(state);
  }
}

export function sizeOf(entries: readonly OutEntry[]): number {
  return entries.reduce((sum, { key, value }) => sum + key.length + value.length + recordOverheadBytes, 0);
}

/** No other producer would fare better: the record itself is refused, or the topic takes nothing any more (rule B4). */
function isTooLarge(failure: unknown): boolean {
  return /MESSAGE_TOO_LARGE|RECORD_LIST_TOO_LARGE|larger than the max message size/.test(messageOf(failure));
}

function asWattlogError(id: PartitionId, failure: unknown): WattlogError {
  if (failure instanceof WattlogError) return failure;
  const cause = { cause: failure };
  if (isTooLarge(failure)) {
    // What is too large by itself was refused before it was sent, and topics were checked for our largest batch.
    const sentence = `${nameOf(id)} takes no records any more (max.message.bytes): its generation was ended.`;
    return new WattlogError("log/ended", sentence, cause);
  }
  const sentence = `Kafka has not acknowledged what went to ${nameOf(id)}: ${messageOf(failure)}`;
  return new WattlogError("log/unavailable", sentence, cause);
}
