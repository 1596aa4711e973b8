// Reading without consumer groups: one long poll a broker fetches for every subscription whose partitions it leads, each
// exactly from where its reader stands. The broker's "out of range" ends a feed; nothing ever moves one.
import { WattlogError, messageOf } from "../runtime/errors.ts";
import { KafkaFeed } from "./kafka-feed.ts";
import { KafkaOffsets, type Patience } from "./kafka-offsets.ts";
import { nameOf, type Fetched, type FetchFrom, type PartitionId, type Wire } from "./kafka-wire.ts";
import type { LogRecord } from "./log.ts";

export interface ReaderOptions extends Patience {
  /** A feed that fails for so long ends with `log/unavailable`, so that its owner's restart is seen. */
  readonly feedPatienceMs: number;
  readonly pollMs: number;
  /** While a full feed waits for its handler, or the first round of a new one: do not keep it waiting for others. */
  readonly shortPollMs: number;
  readonly fetchBytes: number;
  /** Of one partition in one answer; a larger batch still comes, alone. */
  readonly partitionBytes: number;
  /** From one fetch to the next where the answer was small: a busy broker has something new for each at once. */
  readonly fetchEveryMs: number;
  /** An answer from this size on is not small: there may be as much again. */
  readonly largeFetchBytes: number;
}

export const readerDefaults: ReaderOptions = {
  patienceMs: 10_000,
  retryMs: 100,
  feedPatienceMs: 30_000,
  pollMs: 250,
  shortPollMs: 10,
  fetchBytes: 8 * 1024 * 1024,
  partitionBytes: 1024 * 1024,
  fetchEveryMs: 10,
  largeFetchBytes: 256 * 1024,
};

interface Poller {
  readonly node: number;
  readonly feeds: Set<KafkaFeed>;
  wake: () => void;
  running: boolean;
  turn: number;
}

export class KafkaReader {
  readonly offsets: KafkaOffsets;
  private readonly polling: Wire;
  private readonly asking: Wire;
  private readonly options: ReaderOptions;
  private readonly pollers = new Map<number, Poller>();
  private readonly onTrouble: (detail: string) => void;
  private closed = false;

  /** Two wires: a broker answers the requests of a connection in turn, and a long poll would hold up the others. */
  constructor(makeWire: () => Wire, options: ReaderOptions, onTrouble: (detail: string) => void) {
    this.polling = makeWire();
    this.asking = makeWire();
    this.options = options;
    this.onTrouble = onTrouble;
    this.offsets = new KafkaOffsets(this.asking, options);
  }

  /** One fetch: the records from `offset` on that one answer holds; none where the log ends. */
  fetchOnce(id: PartitionId, offset: number): Promise<readonly LogRecord[]> {
    return this.offsets.patiently(`what ${nameOf(id)} holds from ${offset}`, async () => {
      const node = await this.offsets.leader(id);
      if (node < 0) throw new Error("it has no leader now");
      const { fetchBytes, partitionBytes } = this.options;
      const limits = { maxWaitMs: 0, maxBytes: fetchBytes, partitionBytes };
      const [fetched] = await this.asking.fetch(node, [{ ...id, offset }], limits);
      if (fetched === undefined) throw new Error("the broker's answer says nothing of it");
      if (fetched.error === "OFFSET_OUT_OF_RANGE") throw outOfRange(id, offset);
      if (fetched.error !== undefined) throw new Error(fetched.error);
      return fetched.records;
    });
  }

  feed(id: PartitionId, from: number): KafkaFeed {
    const feed = new KafkaFeed(id, from, this.options.partitionBytes, () => {
      for (const poller of this.pollers.values()) if (poller.feeds.has(feed)) poller.wake();
    });
    void this.place(feed);
    return feed;
  }

  async close(): Promise<void> {
    this.closed = true;
    for (const { wake } of this.pollers.values()) wake();
    await Promise.all([this.polling.close(), this.asking.close()]);
  }

  /** To the poller of its partition's leader, as soon as there is one. */
  private async place(feed: KafkaFeed): Promise<void> {
    for (;;) {
      if (this.closed || feed.over) return;
      try {
        const node = await this.offsets.leader(feed.id);
        if (node >= 0) return this.poll(node, feed);
        this.trouble(feed, "it has no leader now");
      } catch (error) {
        this.trouble(feed, messageOf(error));
      }
      await this.pause();
    }
  }

  private poll(node: number, feed: KafkaFeed): void {
    let poller = this.pollers.get(node);
    if (!poller) {
      poller = { node, feeds: new Set(), wake: () => undefined, running: false, turn: 0 };
      this.pollers.set(node, poller);
    }
    poller.feeds.add(feed);
    poller.wake();
    if (!poller.running) void this.run(poller);
  }

  private async run(poller: Poller): Promise<void> {
    poller.running = true;
    while (!this.closed && poller.feeds.size > 0) {
      const room: KafkaFeed[] = [];
      for (const feed of poller.feeds) {
        if (feed.over) poller.feeds.delete(feed);
        else if (feed.hasRoom) room.push(feed);
      }
      if (room.length > 0) await this.paced(poller, room);
      else if (poller.feeds.size > 0) await new Promise<void>((resolve) => (poller.wake = resolve));
    }
    poller.running = false;
  }

  private async paced(poller: Poller, room: readonly KafkaFeed[]): Promise<void> {
    const { fetchEveryMs, largeFetchBytes } = this.options;
    const began = performance.now();
    const bytes = await this.round(poller, room);
    const left = began + fetchEveryMs - performance.now();
    if (left <= 0 || bytes >= largeFetchBytes || this.closed) return;
    // A new feed does not wait for others.
    const { promise, resolve } = Promise.withResolvers<void>();
    poller.wake = resolve;
    const timer = setTimeout(resolve, left);
    await promise;
    clearTimeout(timer);
  }

  /** @returns bytes of the records that came. */
  private async round(poller: Poller, room: readonly KafkaFeed[]): Promise<number> {
    const { pollMs, shortPollMs, fetchBytes, partitionBytes } = this.options;
    const impatient = room.length < poller.feeds.size;
    const limits = { maxWaitMs: impatient ? shortPollMs : pollMs, maxBytes: fetchBytes, partitionBytes };
    // Another one first each time: only the first is sure to get a batch that is larger than its share.
    const first = poller.turn++ % room.length;
    const order = [...room.slice(first), ...room.slice(0, first)];
    // Several may read one partition, which a request names once: the one that is furthest behind says from where.
    const from = new Map<string, FetchFrom>();
    for (const { id, next } of order) {
      const name = nameOf(id);
      from.set(name, { ...id, offset: Math.min(next, from.get(name)?.offset ?? next) });
    }
    try {
      const answers = await this.polling.fetch(poller.node, [...from.values()], limits);
      const byName = new Map(answers.map((answer) => [nameOf(answer), answer]));
      for (const feed of order) {
        const name = nameOf(feed.id);
        this.deliver(poller, feed, from.get(name)!.offset, byName.get(name));
      }
      return answers.reduce((sum, { records }) => records.reduce((all, { value }) => all + value.length, sum), 0);
    } catch (error) {
      if (this.closed) return 0;
      for (const feed of order) this.moveOn(poller, feed, messageOf(error));
      await this.pause();
      return 0;
    }
  }

  private deliver(poller: Poller, feed: KafkaFeed, asked: number, answer: Fetched | undefined): void {
    if (feed.over) return;
    if (answer?.error === "OFFSET_OUT_OF_RANGE") {
      // One that stands elsewhere is asked for in the next round, without this one.
      if (feed.next === asked) feed.fail(outOfRange(feed.id, asked));
    } else if (answer?.error !== undefined) this.moveOn(poller, feed, answer.error);
    else if (answer !== undefined) feed.deliver(answer.records);
  }

  /** Its leader has moved, or is gone. */
  private moveOn(poller: Poller, feed: KafkaFeed, why: string): void {
    poller.feeds.delete(feed);
    this.trouble(feed, why);
    void this.pause().then(() => this.place(feed));
  }

  private trouble(feed: KafkaFeed, why: string): void {
    const detail = `${nameOf(feed.id)} cannot be read at ${feed.next}: ${why}`;
    this.onTrouble(detail);
    if (feed.failingForMs() < this.options.feedPatienceMs) return;
    feed.fail(new WattlogError("log/unavailable", detail));
  }

  private async pause(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, this.options.retryMs));
    if (!this.closed) await this.offsets.refresh().catch(() => undefined);
  }
}

export function outOfRange(
  id: PartitionId,
  offset: number,
  range?: { readonly start: number; readonly end: number },
): WattlogError {
  const holds = range ? `it holds ${range.start} to ${range.end}` : "its records were trimmed, or lost";
  const sentence =
    `${nameOf(id)} has no offset ${offset}: ${holds}. Either what lies before it is in an archive, which WATTLOG_ARCHIVE ` +
    `has to name, or the stored position belongs to another log; nothing was skipped.`;
  return new WattlogError("log/out-of-range", sentence);
}
