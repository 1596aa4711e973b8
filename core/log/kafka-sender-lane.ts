// One producer and its one outstanding request. A lane of its own (`solo`) carries a single partition.
import { WattlogError, messageOf } from "../runtime/errors.ts";
import type { Anomaly, AnomalyKind, PartitionState, SenderOptions, Waiting } from "./kafka-sender.ts";
import {
  nameOf,
  type Ack,
  type BatchProducer,
  type MakeProducer,
  type OutBatch,
  type SendResult,
} from "./kafka-wire.ts";

export interface SentBatch {
  readonly state: PartitionState;
  readonly waitings: readonly Waiting[];
}

/** What became of a request. The appends of a batch without failure are acknowledged already. */
export interface LaneOutcome {
  readonly sent: readonly SentBatch[];
  readonly failures: ReadonlyMap<PartitionState, Error>;
  /** Failed as a whole. */
  readonly error: Error | undefined;
  readonly anomalies: readonly Anomaly[];
}

/** So that a request of all partitions stays well below what a broker takes. */
const longestRequestBytes = 16 * 1024 * 1024;

/** Sequence numbers have 31 bits; a producer is replaced long before they begin again at zero. */
const longestProducerRecords = 2 ** 30;

export class SenderLane {
  readonly solo: boolean;
  private readonly make: MakeProducer;
  private readonly options: SenderOptions;
  private readonly settle: (outcome: LaneOutcome) => void;
  private readonly dirty = new Set<PartitionState>();
  private producer: BatchProducer | undefined;
  private attempts = 0;
  /** Sent by this producer. */
  private records = 0;
  private busy = false;
  private ended = false;

  constructor(make: MakeProducer, options: SenderOptions, solo: boolean, settle: (outcome: LaneOutcome) => void) {
    this.make = make;
    this.options = options;
    this.solo = solo;
    this.settle = settle;
  }

  /** What one turn of the event loop appends leaves together. */
  wants(state: PartitionState): void {
    this.dirty.add(state);
    if (this.busy) return;
    this.busy = true;
    void this.run();
  }

  end(): void {
    this.ended = true;
    this.dropProducer();
  }

  private async run(): Promise<void> {
    while (this.dirty.size > 0) {
      // A turn, so that what the last receipts set free leaves together.
      await nextTurn();
      const sent = this.take();
      if (sent.length === 0) continue;
      const outcome = await this.send(sent);
      const wornOut = this.records > longestProducerRecords;
      if (outcome.error !== undefined || outcome.failures.size > 0 || wornOut) this.dropProducer();
      this.settle(outcome);
    }
    this.busy = false;
    if (this.ended) this.dropProducer();
  }

  private take(): SentBatch[] {
    const sent: SentBatch[] = [];
    let bytes = 0;
    for (const state of this.dirty) {
      if (bytes > longestRequestBytes) break;
      this.dirty.delete(state);
      // It has moved to another lane, which alone may send for it now.
      if (state.lane !== this) continue;
      const waitings = takeBatch(state, this.options.batchBytes);
      for (const { bytes: size, entries } of waitings) {
        bytes += size;
        this.records += entries.length;
      }
      if (waitings.length > 0) sent.push({ state, waitings });
    }
    return sent;
  }

  private async send(sent: readonly SentBatch[]): Promise<LaneOutcome> {
    const batches = sent.map(({ state, waitings }): OutBatch => {
      const entries = waitings.length === 1 ? waitings[0]!.entries : waitings.flatMap((waiting) => waiting.entries);
      return { ...state.id, entries };
    });
    const { watchdogMs, soloWatchdogMs } = this.options;
    const limitMs = this.solo ? soloWatchdogMs : watchdogMs;
    const watchdog = new Watchdog(limitMs);
    try {
      this.producer ??= await this.connect(watchdog);
      return this.judge(sent, batches, await watchdog.guard(this.producer.send(batches)));
    } catch (error) {
      const failure = error instanceof Error ? error : new Error(String(error));
      return failed(sent, failure, kindOf(failure, this.producer), batches);
    } finally {
      watchdog.stop();
    }
  }

  /** Until the watchdog barks; each broker gets its turn to be asked first. */
  private async connect(watchdog: Watchdog): Promise<BatchProducer> {
    let last: unknown = new Error("none was tried");
    while (!watchdog.over && !this.ended) {
      const wish = { attempt: this.attempts++, patient: this.solo, requestMs: this.options.requestMs };
      const making = this.make(wish);
      try {
        return await watchdog.guard(making);
      } catch (error) {
        if (!watchdog.over) last = error;
        // One that comes too late is not left behind.
        void making.then(
          (late) => late.end(),
          () => undefined,
        );
      }
      await watchdog.pause(this.options.reconnectMs);
    }
    throw new WattlogError("log/unavailable", `No producer could connect to Kafka: ${messageOf(last)}`, {
      cause: last,
    });
  }

  /** The checks without which an acknowledgement of this client means nothing. */
  private judge(sent: readonly SentBatch[], batches: readonly OutBatch[], result: SendResult): LaneOutcome {
    const acks = new Map(result.acks.map((ack) => [nameOf(ack), ack]));
    const refused = new Map(result.refused.map((refusal) => [nameOf(refusal), refusal.error]));
    const failures = new Map<PartitionState, Error>();
    const anomalies: Anomaly[] = [];
    let violated: Error | undefined;
    for (const { state } of sent) {
      const name = nameOf(state.id);
      const refusal = refused.get(name);
      if (refusal !== undefined) {
        failures.set(state, new Error(refusal));
        anomalies.push({ kind: "refused", detail: `Kafka refused a batch for ${name}: ${refusal}` });
        continue;
      }
      const violation = violationOf(state, acks.get(name));
      if (violation === undefined) continue;
      anomalies.push(violation);
      violated ??= new Error(violation.detail);
    }
    // After a violation no word of this answer is believed.
    if (violated !== undefined) return { sent, failures: new Map(), error: violated, anomalies };
    for (const [i, batch] of sent.entries()) {
      if (!failures.has(batch.state)) acknowledge(batch, acks.get(nameOf(batch.state.id))!, batches[i]!);
    }
    return { sent, failures, error: undefined, anomalies };
  }

  private dropProducer(): void {
    this.producer?.end();
    this.producer = undefined;
    this.records = 0;
  }
}

function takeBatch(state: PartitionState, batchBytes: number): Waiting[] {
  let bytes = 0;
  let count = 0;
  for (const waiting of state.queue) {
    bytes += waiting.bytes;
    if (count > 0 && bytes > batchBytes) break;
    count++;
  }
  const taken = state.queue.slice(0, count);
  state.queue = count === state.queue.length ? [] : state.queue.slice(count);
  return taken;
}

function violationOf(state: PartitionState, ack: Ack | undefined): Anomaly | undefined {
  const name = nameOf(state.id);
  if (ack === undefined)
    return { kind: "missing", detail: `The answer says nothing of ${name}, to which a batch was sent.` };
  if (!(ack.baseOffset > state.lastOffset)) {
    const detail = `The answer for ${name} names offset ${ack.baseOffset}, though ${state.lastOffset} was acknowledged.`;
    return { kind: "offset", detail };
  }
  if (ack.logTime > 0) return undefined;
  const detail = `${name} gives no log time; set its message.timestamp.type to LogAppendTime (\`wattlog topics\` does).`;
  return { kind: "log-time", detail };
}

function acknowledge({ state, waitings }: SentBatch, { baseOffset, logTime }: Ack, { entries }: OutBatch): void {
  state.lastOffset = baseOffset + entries.length - 1;
  let next = baseOffset;
  for (const waiting of waitings) {
    waiting.resolve({ baseOffset: next, logTime });
    next += waiting.entries.length;
  }
}

function failed(
  sent: readonly SentBatch[],
  error: Error,
  kind: AnomalyKind,
  batches: readonly OutBatch[],
): LaneOutcome {
  const names = batches.slice(0, 5).map(nameOf).join(", ");
  const more = batches.length > 5 ? ` and ${batches.length - 5} more` : "";
  const detail = `A batch for ${names}${more} failed: ${messageOf(error)}`;
  return { sent, failures: new Map(), error, anomalies: [{ kind, detail }] };
}

function kindOf(error: Error, producer: BatchProducer | undefined): AnomalyKind {
  if (error instanceof Silence) return "watchdog";
  return producer === undefined ? "connect" : "rejected";
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

class Silence extends Error {}

/** One limit over connecting and sending together. */
class Watchdog {
  over = false;
  private readonly bark = Promise.withResolvers<never>();
  private readonly timer: NodeJS.Timeout;

  constructor(limitMs: number) {
    this.bark.promise.catch(() => undefined);
    this.timer = setTimeout(() => {
      this.over = true;
      this.bark.reject(new Silence(`no answer within ${limitMs} ms`));
    }, limitMs);
  }

  pause(ms: number): Promise<void> {
    return new Promise((resolve) => setTimeout(resolve, ms));
  }

  guard<T>(promise: Promise<T>): Promise<T> {
    return Promise.race([promise, this.bark.promise]);
  }

  stop(): void {
    clearTimeout(this.timer);
  }
}
