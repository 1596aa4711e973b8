// Writers and readers on every partition of a Kafka log, with a ledger of what was acknowledged.
import { setTimeout as sleep } from "node:timers/promises";

import type { EventLog, LogRecord, Receipt, Subscription } from "../../core/log/log.ts";

interface Acknowledged {
  readonly value: string;
  readonly receipt: Receipt;
  /** Monotonic ms. */
  readonly at: number;
  readonly tookMs: number;
}

export class KafkaLoad {
  readonly acknowledged: Acknowledged[][];
  readonly rejected: number[];
  readonly read: LogRecord[][];
  private readonly log: EventLog;
  private readonly reader: EventLog;
  private readonly subscriptions: Subscription[] = [];
  private readonly writers: Promise<void>[] = [];
  private stopping = false;

  constructor(log: EventLog, reader: EventLog) {
    this.log = log;
    this.reader = reader;
    const each = Array.from({ length: log.topics.frames.partitions }, (_, partition) => partition);
    this.acknowledged = each.map(() => []);
    this.rejected = each.map(() => 0);
    this.read = each.map(() => []);
  }

  start(): void {
    const { frames } = this.log.topics;
    for (let partition = 0; partition < frames.partitions; partition++) {
      this.writers.push(this.write(partition));
      const follow = async ({ records }: { readonly records: readonly LogRecord[] }): Promise<void> => {
        this.read[partition]!.push(...records);
      };
      this.subscriptions.push(this.reader.consume(frames, partition, 0, follow));
    }
  }

  /** Ends the writers; resolves when the readers have everything, or rejects with what ended one of them. */
  async stop(): Promise<void> {
    this.stopping = true;
    await Promise.all(this.writers);
    const { frames } = this.log.topics;
    for (const [partition, seen] of this.read.entries()) {
      const end = await this.reader.endOffset(frames, partition);
      const until = performance.now() + 20_000;
      while (seen.length < end && performance.now() < until) await sleep(20);
    }
    await Promise.all(this.subscriptions.map((subscription) => subscription.stop()));
    await Promise.all(this.subscriptions.map(({ done }) => done));
  }

  /** Acknowledged and not in the log where it was said to be. */
  lost(): string[] {
    return this.acknowledged.flatMap((own, partition) =>
      own
        .filter(({ value, receipt }) => text(this.read[partition]![receipt.baseOffset]) !== value)
        .map(({ value, receipt }) => `${value} at ${receipt.baseOffset}`),
    );
  }

  /** The first time that each value stands in the log, in the order in which it was written. */
  disordered(): string[] {
    return this.read.flatMap((records, partition) => {
      const acknowledged = new Set(this.acknowledged[partition]!.map(({ value }) => value));
      const first = [...new Set(records.map(text))].filter((value) => acknowledged.has(value ?? ""));
      return first.filter((value, i) => i > 0 && numberOf(value) < numberOf(first[i - 1]));
    }) as string[];
  }

  repeats(): number {
    return this.read.reduce((sum, records) => sum + records.length - new Set(records.map(text)).size, 0);
  }

  count(): number {
    return this.acknowledged.reduce((sum, own) => sum + own.length, 0);
  }

  /** The longest time without any acknowledgement on a partition, over the partitions. */
  longestStallMs(partitions?: readonly number[]): number {
    const some = partitions ?? [...this.acknowledged.keys()];
    return Math.max(...some.map((partition) => longestGap(this.acknowledged[partition]!.map(({ at }) => at))));
  }

  /** The longest that an append took which was acknowledged since then. */
  slowestMs(partitions: readonly number[], since: number): number {
    const all = partitions.flatMap((partition) => this.acknowledged[partition]!).filter(({ at }) => at >= since);
    return Math.max(0, ...all.map(({ tookMs }) => tookMs));
  }

  /** One outstanding, as the gateway's appender; a rejected one is not written again. */
  private async write(partition: number): Promise<void> {
    const { frames } = this.log.topics;
    for (let i = 0; !this.stopping; i++) {
      const value = `${partition}-${i}`;
      const began = performance.now();
      try {
        const receipt = await this.log.append(frames, partition, [{ key: "k", value: Buffer.from(value) }]);
        const at = performance.now();
        this.acknowledged[partition]!.push({ value, receipt, at, tookMs: at - began });
      } catch {
        this.rejected[partition]!++;
      }
      await sleep(5);
    }
  }
}

function text(record: LogRecord | undefined): string | undefined {
  return record && Buffer.from(record.value).toString();
}

function numberOf(value: string | undefined): number {
  return Number(value?.split("-")[1]);
}

function longestGap(times: readonly number[]): number {
  return times.reduce((longest, at, i) => (i === 0 ? longest : Math.max(longest, at - times[i - 1]!)), 0);
}
