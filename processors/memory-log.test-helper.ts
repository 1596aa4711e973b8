// An EventLog in memory for fold tests: thousands of seeds a minute, and failures on demand. What durability means is
// the business of log.contract.ts.
import {
  makeTopics,
  type Entry,
  type EventLog,
  type LogBatch,
  type LogRecord,
  type Receipt,
  type Subscription,
  type Topic,
} from "../core/log/log.ts";
import { WattlogError } from "../core/runtime/errors.ts";

export class MemoryLog implements EventLog {
  readonly topics;
  /** Of the next append; the test moves it. */
  logTime = 1_700_000_000_000;
  /** The next so many appends are refused; `stored` ones are in the log all the same. */
  refuse: ("lost" | "stored")[] = [];
  private readonly records = new Map<string, LogRecord[]>();
  private waiting: (() => void)[] = [];

  constructor(partitions = 1) {
    this.topics = makeTopics(1, partitions);
  }

  all(topic: Topic, partition = 0): LogRecord[] {
    const key = `${topic.name}/${partition}`;
    let list = this.records.get(key);
    if (!list) this.records.set(key, (list = []));
    return list;
  }

  append(topic: Topic, partition: number, entries: readonly Entry[]): Promise<Receipt> {
    const refused = this.refuse.shift();
    if (refused === "lost") return Promise.reject(new WattlogError("log/unavailable", "refused"));
    const list = this.all(topic, partition);
    const baseOffset = list.length;
    for (const { key, value } of entries) list.push({ offset: list.length, logTime: this.logTime, key, value });
    for (const wake of this.waiting.splice(0)) wake();
    if (refused === "stored") return Promise.reject(new WattlogError("log/unavailable", "stored and refused"));
    return Promise.resolve({ baseOffset, logTime: this.logTime });
  }

  consume(
    topic: Topic,
    partition: number,
    from: number,
    handler: (batch: LogBatch) => Promise<void>,
    options?: { readonly maxRecords?: number },
  ): Subscription {
    const running = { isStopped: false };
    const run = async () => {
      let next = from;
      while (!running.isStopped) {
        const records = this.all(topic, partition).slice(next, next + (options?.maxRecords ?? 1000));
        if (records.length === 0) {
          await new Promise<void>((resolve) => this.waiting.push(resolve));
          continue;
        }
        await handler({ topic, partition, records });
        next += records.length;
      }
    };
    const done = run();
    done.catch(() => undefined);
    return {
      done,
      stop: async () => {
        running.isStopped = true;
        for (const wake of this.waiting.splice(0)) wake();
        await done.catch(() => undefined);
      },
    };
  }

  async *read(topic: Topic, partition: number, from: number, to: number): AsyncIterable<LogBatch> {
    const records = this.all(topic, partition).slice(from, to);
    if (records.length > 0) yield { topic, partition, records };
  }

  endOffset(topic: Topic, partition: number): Promise<number> {
    return Promise.resolve(this.all(topic, partition).length);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
