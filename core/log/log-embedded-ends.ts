// Where the log ends, and how a waiting reader learns that it has moved.
import type { DatabaseSync } from "node:sqlite";

import { advanceEnds, readEnds, type TopicEnds } from "./log-embedded-files.ts";
import type { SharedEnds } from "./log-embedded-shared.ts";
import type { Topic } from "./log.ts";

export interface Ends {
  /** One past the last durable record. Ask for `lastRow` first: rows up to it hold nothing at or past the end. */
  end(topicIndex: number, partition: number): number;
  lastRow(topicIndex: number): number;
  /** Runs `look` when the topic has grown, until it returns true or the returned function is called. */
  whenGrown(topicIndex: number, look: () => boolean): () => void;
  close(): void;
}

class Waiters {
  private readonly looks = new Set<() => boolean>();

  get size(): number {
    return this.looks.size;
  }

  add(look: () => boolean): void {
    this.looks.add(look);
  }

  remove(look: () => boolean): void {
    this.looks.delete(look);
  }

  lookAll(): void {
    for (const look of this.looks) if (look()) this.looks.delete(look);
  }
}

/**
 * Ends in memory shared with the writer, which sends one wake-up for each arming. Armed by topic: a gateway that
 * follows the registry is not woken by every batch of frames.
 */
export class PortEnds implements Ends {
  private readonly shared: SharedEnds;
  private readonly armed: Int32Array;
  private readonly waiters: readonly Waiters[];

  constructor(shared: SharedEnds, armed: SharedArrayBuffer) {
    this.shared = shared;
    this.armed = new Int32Array(armed);
    this.waiters = Array.from(this.armed, () => new Waiters());
  }

  end(topicIndex: number, partition: number): number {
    return this.shared.end(topicIndex, partition);
  }

  lastRow(topicIndex: number): number {
    return this.shared.lastRow(topicIndex);
  }

  whenGrown(topicIndex: number, look: () => boolean): () => void {
    const waiters = this.waiters[topicIndex]!;
    waiters.add(look);
    this.arm(topicIndex);
    return () => waiters.remove(look);
  }

  wake(): void {
    for (const [topicIndex, waiters] of this.waiters.entries()) {
      waiters.lookAll();
      if (waiters.size > 0) this.arm(topicIndex);
    }
  }

  close(): void {}

  /** Armed before looking: a commit between the two either is seen here or sends the wake-up. */
  private arm(topicIndex: number): void {
    if (Atomics.exchange(this.armed, topicIndex, 1) === 1) return;
    this.waiters[topicIndex]!.lookAll();
  }
}

const pollMs = 200;

/** Ends found on disk, for a process that only reads. */
export class PolledEnds implements Ends {
  private readonly db: DatabaseSync;
  private readonly topics: readonly Topic[];
  private readonly states: readonly TopicEnds[];
  private readonly waiters = new Waiters();
  private timer: NodeJS.Timeout | undefined;

  constructor(db: DatabaseSync, topics: readonly Topic[]) {
    this.db = db;
    this.topics = topics;
    this.states = topics.map((topic) => readEnds(db, topic));
  }

  end(topicIndex: number, partition: number): number {
    return this.advanced(topicIndex).ends[partition]!;
  }

  lastRow(topicIndex: number): number {
    return this.advanced(topicIndex).lastRow;
  }

  whenGrown(_topicIndex: number, look: () => boolean): () => void {
    this.waiters.add(look);
    this.timer ??= setInterval(() => this.poll(), pollMs);
    return () => this.waiters.remove(look);
  }

  close(): void {
    clearInterval(this.timer);
    this.db.close();
  }

  private poll(): void {
    this.waiters.lookAll();
    if (this.waiters.size > 0) return;
    clearInterval(this.timer);
    this.timer = undefined;
  }

  private advanced(topicIndex: number): TopicEnds {
    const state = this.states[topicIndex]!;
    advanceEnds(this.db, this.topics[topicIndex]!, state);
    return state;
  }
}
