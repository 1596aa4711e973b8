// What one subscription has fetched and not yet handed over. It checks that offsets go on without a gap: whatever the
// client library does, a reader never skips.
import { WattlogError } from "../runtime/errors.ts";
import { nameOf, type PartitionId } from "./kafka-wire.ts";
import type { LogRecord } from "./log.ts";

export class KafkaFeed {
  readonly id: PartitionId;
  /** The offset to fetch next. */
  next: number;
  over = false;
  private readonly capacity: number;
  private readonly onRoom: () => void;
  private readonly chunks: (readonly LogRecord[])[] = [];
  private taken = 0;
  private bytes = 0;
  private records = 0;
  private failure: Error | undefined;
  private failingSince: number | undefined;
  private arrived: (() => void) | undefined;

  constructor(id: PartitionId, from: number, capacity: number, onRoom: () => void) {
    this.id = id;
    this.next = from;
    this.capacity = capacity;
    this.onRoom = onRoom;
  }

  get hasRoom(): boolean {
    return this.bytes < this.capacity;
  }

  /** Since the last answer. */
  failingForMs(): number {
    this.failingSince ??= performance.now();
    return performance.now() - this.failingSince;
  }

  /** @param records from at or below `next` on */
  deliver(records: readonly LogRecord[]): void {
    this.failingSince = undefined;
    const wanted = records.length > 0 && records[0]!.offset < this.next ? this.above(records) : records;
    if (wanted.length === 0) return;
    for (const { offset, value } of wanted) {
      if (offset !== this.next) {
        this.fail(gapped(this.id, this.next, offset));
        return;
      }
      this.next++;
      this.bytes += value.length;
    }
    this.records += wanted.length;
    this.chunks.push(wanted);
    this.arrived?.();
  }

  fail(error: Error): void {
    this.failure ??= error;
    this.end();
  }

  end(): void {
    this.over = true;
    this.onRoom();
    this.arrived?.();
  }

  /** Resolves when so many records wait, or after so long; not at once only while there is room for more. */
  async gathered(count: number, ms: number): Promise<void> {
    const until = performance.now() + ms;
    for (;;) {
      const left = until - performance.now();
      if (left <= 0 || this.over || !this.hasRoom || this.records >= count) return;
      const { promise, resolve } = Promise.withResolvers<void>();
      this.arrived = resolve;
      const timer = setTimeout(resolve, left);
      await promise;
      clearTimeout(timer);
    }
  }

  /**
   * The next records, as soon as there are any: all that have come, up to `most`, for a reader that is behind gets on
   * by large batches; none: it was ended.
   * @throws what `fail` was given, once everything before it is taken
   */
  async take(most: number): Promise<readonly LogRecord[]> {
    while (this.chunks.length === 0) {
      if (this.failure) throw this.failure;
      if (this.over) return [];
      await new Promise<void>((resolve) => (this.arrived = resolve));
    }
    const records = this.firstOf(most);
    this.records -= records.length;
    const wasFull = !this.hasRoom;
    for (const { value } of records) this.bytes -= value.length;
    if (wasFull && this.hasRoom) this.onRoom();
    return records;
  }

  private firstOf(most: number): readonly LogRecord[] {
    const records: LogRecord[] = [];
    let used = 0;
    for (const chunk of this.chunks) {
      const end = Math.min(chunk.length, this.taken + most - records.length);
      for (let at = this.taken; at < end; at++) records.push(chunk[at]!);
      this.taken = end;
      if (end < chunk.length) break;
      used++;
      this.taken = 0;
    }
    this.chunks.splice(0, used);
    return records;
  }

  private above(records: readonly LogRecord[]): readonly LogRecord[] {
    const first = records.findIndex(({ offset }) => offset >= this.next);
    return first < 0 ? [] : records.slice(first);
  }
}

export function gapped(id: PartitionId, asked: number, got: number): WattlogError {
  const sentence = `${nameOf(id)} goes on at ${got} where ${asked} was due: records are missing; nothing was skipped.`;
  return new WattlogError("log/out-of-range", sentence);
}
