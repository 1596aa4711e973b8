// The log: one server, and a client for each process. What the port promises (core/log/log.ts) it keeps to the letter and
// not a bit more: a rejected append may be in the log, or come to stand there later; receipts come in any order.
import type { Entry, EventLog, LogBatch, LogRecord, Receipt, Subscription, Topic, Topics } from "../../core/log/log.ts";
import { makeTopics } from "../../core/log/log.ts";
import { WattlogError } from "../../core/runtime/errors.ts";
import type { Process } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";
import type { Weather } from "./weather.ts";

interface Listening {
  readonly process: Process;
  readonly handler: (batch: LogBatch) => void;
}

export interface Stored extends LogRecord {
  /** Whether some process was told that it is durable. */
  acknowledged: boolean;
}

/** Told of each record when it is stored, and again when its receipt reaches whoever appended it. */
export interface LogWatch {
  stored(topic: Topic, partition: number, record: Stored): void;
  acknowledged(topic: Topic, partition: number, record: Stored, by: Process): void;
}

const unavailable = (): WattlogError => new WattlogError("log/unavailable", "The log does not answer.");
/** Batches that a reader is handed at once. */
const mostAtOnce = 40;
const lateMs = 8_000;

export class LogServer {
  readonly topics: Topics;
  readonly scheduler: Scheduler;
  readonly weather: Weather;
  readonly watch: LogWatch;
  private readonly stored = new Map<string, Stored[]>();
  private readonly wakes = new Map<string, Set<() => void>>();
  /** By address. Absent: this log tells nobody, as Kafka does not. */
  private readonly listening: Map<string, Listening> | undefined;

  constructor(scheduler: Scheduler, weather: Weather, partitions: number, watch: LogWatch) {
    this.scheduler = scheduler;
    this.weather = weather;
    this.watch = watch;
    this.listening = scheduler.random.chance(0.4) ? new Map<string, Listening>() : undefined;
    this.topics = makeTopics(1, partitions);
  }

  all(topic: Topic, partition: number): Stored[] {
    const key = `${topic.name}/${partition}`;
    let list = this.stored.get(key);
    if (!list) this.stored.set(key, (list = []));
    return list;
  }

  /** The log's clock, which never falls (rule T1). */
  timeOf(list: readonly Stored[]): number {
    return Math.max(Math.floor(this.scheduler.now), list.at(-1)?.logTime ?? 0);
  }

  store(topic: Topic, partition: number, entries: readonly Entry[]): Stored[] {
    const list = this.all(topic, partition);
    const logTime = this.timeOf(list);
    const records = entries.map(({ key, value }) => {
      const record = { offset: list.length, logTime, key, value, acknowledged: false };
      list.push(record);
      this.scheduler.trace.bytes(value);
      this.watch.stored(topic, partition, record);
      return record;
    });
    for (const wake of this.wakes.get(`${topic.name}/${partition}`) ?? []) wake();
    return records;
  }

  onGrowth(topic: Topic, partition: number, wake: () => void): () => void {
    const key = `${topic.name}/${partition}`;
    const wakes = this.wakes.get(key) ?? new Set();
    this.wakes.set(key, wakes.add(wake));
    return () => wakes.delete(wake);
  }

  get tells(): boolean {
    return this.listening !== undefined;
  }

  listen(address: string, to: Listening): () => void {
    this.listening?.set(address, to);
    return () => void this.listening?.delete(address);
  }

  /** @returns whether every entry that names an address was handed over. */
  tell(topic: Topic, partition: number, entries: readonly Entry[], records: readonly Stored[]): boolean {
    let isTold = this.tells;
    for (const [at, { tell }] of entries.entries()) {
      if (tell === undefined) continue;
      const to = this.listening?.get(tell);
      if (!to?.process.isAlive) isTold = false;
      else {
        const batch = { topic, partition, records: [records[at]!] };
        this.scheduler.io(this.weather.latency(), to.process, "the log tells", () => to.handler(batch));
      }
    }
    return isTold;
  }

  client(process: Process): EventLog {
    return new LogClient(this, process);
  }
}

class LogClient implements EventLog {
  readonly topics: Topics;
  readonly listen: EventLog["listen"];
  private readonly server: LogServer;
  private readonly process: Process;
  /** When the newest append of a partition arrives: those after it come later. */
  private readonly arrivals = new Map<string, number>();

  constructor(server: LogServer, process: Process) {
    this.server = server;
    this.process = process;
    this.topics = server.topics;
    this.listen = server.tells ? (address, handler) => server.listen(address, { process, handler }) : undefined;
  }

  append(topic: Topic, partition: number, entries: readonly Entry[]): Promise<Receipt> {
    const { scheduler, weather } = this.server;
    const copies = entries.map(({ key, value, tell }) => ({ key, value: value.slice(), tell }));
    const fate =
      topic === this.topics.registry ? "well" : weather.append(this.process, topic === this.topics.frames, partition);
    const { promise, resolve, reject } = Promise.withResolvers<Receipt>();
    const refuse = (ms: number): void =>
      void scheduler.io(ms, this.process, `append refused ${topic.name}/${partition}`, () => reject(unavailable()));
    const land = (ms: number, then: (records: readonly Stored[]) => void): void =>
      void scheduler.io(ms, undefined, `append ${topic.name}/${partition} x${copies.length}`, () =>
        then(this.server.store(topic, partition, copies)),
      );
    const acknowledge = (records: readonly Stored[]): void => {
      const { offset, logTime } = records[0]!;
      const told = this.server.tell(topic, partition, copies, records);
      scheduler.io(weather.latency(), this.process, `receipt ${topic.name}/${partition}:${offset}`, () => {
        for (const record of records) {
          record.acknowledged = true;
          this.server.watch.acknowledged(topic, partition, record, this.process);
        }
        resolve({ baseOffset: offset, logTime, told });
      });
    };
    const ms = this.inOrder(`${topic.name}/${partition}`, weather.syncLatency());
    switch (fate) {
      case "well":
        land(ms, acknowledge);
        break;
      case "slow":
        land(this.inOrder(`${topic.name}/${partition}`, weather.slowness()), acknowledge);
        break;
      case "refused":
        refuse(ms);
        break;
      case "storedAndRefused":
        land(ms, () => refuse(weather.latency()));
        break;
      case "refusedAndLate":
        refuse(ms);
        land(ms + scheduler.random.between(0, lateMs), () => undefined);
        break;
      case "twice":
        land(ms, acknowledge);
        land(ms + scheduler.random.between(0, lateMs), () => undefined);
        break;
    }
    return promise;
  }

  consume(
    topic: Topic,
    partition: number,
    from: number,
    handler: (batch: LogBatch) => Promise<void>,
    options: { readonly maxRecords?: number } = {},
  ): Subscription {
    const { scheduler, weather } = this.server;
    const list = this.server.all(topic, partition);
    const { promise: done, resolve, reject } = Promise.withResolvers<void>();
    done.catch(() => undefined);
    let next = from;
    let isStopped = false;
    let running: Promise<void> | undefined;
    let isDue = false;
    const end = (error?: Error): void => {
      isStopped = true;
      forget();
      if (error) reject(error);
    };
    const deliver = async (): Promise<void> => {
      if (next > list.length) return end(new WattlogError("log/out-of-range", `There is no offset ${next}.`));
      if (weather.readFails(this.process)) return end(unavailable());
      // A reader that was rewound is handed again what it had: the port forbids it, and the fold must notice.
      const begin = weather.rewinds(topic === this.topics.frames) ? Math.max(0, next - 1) : next;
      const count = Math.min(scheduler.random.whole(1, mostAtOnce), options.maxRecords ?? mostAtOnce);
      const records = list.slice(begin, begin + count);
      next = begin + records.length;
      try {
        await handler({ topic, partition, records });
      } catch (error) {
        end(error instanceof Error ? error : new Error(String(error)));
      }
    };
    const wake = (): void => {
      if (isStopped || isDue || running || next === list.length) return;
      isDue = true;
      scheduler.io(weather.latency(), this.process, `read ${topic.name}/${partition}`, () => {
        isDue = false;
        if (isStopped) return;
        running = deliver().finally(() => {
          running = undefined;
          wake();
        });
      });
    };
    const forget = this.server.onGrowth(topic, partition, wake);
    wake();
    const stop = async (): Promise<void> => {
      isStopped = true;
      forget();
      await running;
      resolve();
    };
    return { done, stop };
  }

  async *read(topic: Topic, partition: number, from: number, to: number): AsyncIterable<LogBatch> {
    await this.answered();
    const records = this.server.all(topic, partition).slice(from, to);
    if (records.length > 0) yield { topic, partition, records };
  }

  async endOffset(topic: Topic, partition: number): Promise<number> {
    await this.answered();
    return this.server.all(topic, partition).length;
  }

  close(): Promise<void> {
    return Promise.resolve();
  }

  private async answered(): Promise<void> {
    const { scheduler, weather } = this.server;
    await scheduler.sleep(weather.latency(), this.process, "log read");
    if (weather.readFails(this.process)) throw unavailable();
  }

  /** Calls for one partition are stored in the order of the calls. @returns how long it takes. */
  private inOrder(place: string, ms: number): number {
    const { now } = this.server.scheduler;
    const at = Math.max(now + ms, this.arrivals.get(place) ?? 0);
    this.arrivals.set(place, at);
    return at - now;
  }
}
