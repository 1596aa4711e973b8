// The log, with an eye on its clock: a receipt's log time was given between the append and its acknowledgement.
import type { Entry, EventLog, LogBatch, Receipt, Subscription, Topic, Topics } from "../../../core/log/log.ts";
import type { SteeredClock } from "../../../core/runtime/steered-clock.ts";

/** One receipt a second is enough. */
const everyMs = 1_000;

export class TimedLog implements EventLog {
  readonly topics: Topics;
  private readonly log: EventLog;
  private readonly clock: SteeredClock;

  constructor(log: EventLog, clock: SteeredClock) {
    this.log = log;
    this.topics = log.topics;
    this.clock = clock;
  }

  append(topic: Topic, partition: number, entries: readonly Entry[]): Promise<Receipt> {
    const appending = this.log.append(topic, partition, entries);
    const from = this.clock.monotonic();
    if (from - this.clock.heardAt("log") < everyMs) return appending;
    return appending.then((receipt) => {
      this.clock.heard("log", receipt.logTime, from, this.clock.monotonic());
      return receipt;
    });
  }

  consume(
    topic: Topic,
    partition: number,
    from: number,
    handler: (batch: LogBatch) => Promise<void>,
    options?: { readonly maxRecords?: number },
  ): Subscription {
    return this.log.consume(topic, partition, from, handler, options);
  }

  read(topic: Topic, partition: number, from: number, to: number): AsyncIterable<LogBatch> {
    return this.log.read(topic, partition, from, to);
  }

  endOffset(topic: Topic, partition: number): Promise<number> {
    return this.log.endOffset(topic, partition);
  }

  close(): Promise<void> {
    return this.log.close();
  }
}
