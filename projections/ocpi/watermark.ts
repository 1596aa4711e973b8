// Up to which log time the tables of every partition are whole (rule B6): lists that are read by date hold nothing later, so
// that a partner who goes on from the last `last_updated` it saw misses nothing that a slower partition tells afterwards.
import type { EventLog } from "../../core/log/log.ts";
import type { Store } from "../../core/store/store.ts";
import type { Clock } from "../../core/runtime/clock.ts";

interface Needs {
  readonly log: EventLog;
  readonly store: Pick<Store, "reader">;
  readonly clock: Clock;
}

/** Looked at again while it has not moved, so often and so many times. */
const pauseMs = 50;
const looks = 10;
/** What is found holds for other requests of the same moment. */
const freshMs = 100;

export class Watermark {
  private readonly needs: Needs;
  private readonly passedBy = new Map<number, number>();
  private at = -Infinity;

  constructor(needs: Needs) {
    this.needs = needs;
  }

  /** @returns epoch ms of log time: everything before it is in the tables. Never goes back. */
  async passed(): Promise<number> {
    const { clock, log } = this.needs;
    if (clock.monotonic() - this.at > freshMs) {
      const all = Array.from({ length: log.topics.events.partitions }, (_, partition) => partition);
      await Promise.all(all.map((partition) => this.look(partition)));
      this.at = clock.monotonic();
    }
    return Math.min(...this.passedBy.values());
  }

  private async look(partition: number): Promise<void> {
    for (let look = 0; look < looks; look++) {
      const passed = await this.passedNow(partition);
      if (passed !== undefined) {
        this.passedBy.set(partition, Math.max(passed, this.passedBy.get(partition) ?? 0));
        return;
      }
      await new Promise<void>((resolve) => this.needs.clock.after(pauseMs, resolve));
    }
    // A partition that stands still holds the lists where they are: late is better than a hole.
    if (!this.passedBy.has(partition)) this.passedBy.set(partition, 0);
  }

  /**
   * In this order: what is in the log of frames now, how far the fold has come, that it has sent what it concluded, and that
   * all of that is projected. @returns undefined where something of it is on its way.
   */
  private async passedNow(partition: number): Promise<number | undefined> {
    const { log, clock, store } = this.needs;
    const now = clock.now();
    const { frames, events } = log.topics;
    const end = await log.endOffset(frames, partition);
    const folded = await position(store, "processor", frames.name, partition);
    // Nothing was ever folded: the fold begins with the first record.
    const next = folded?.next ?? 0;
    const waiting = await store.reader
      .selectFrom("live_outbox")
      .select("sequence")
      .where("partition", "=", partition)
      .limit(1)
      .executeTakeFirst();
    if (waiting) return undefined;
    const eventsEnd = await log.endOffset(events, partition);
    const projected = await position(store, "projector", events.name, partition);
    if ((projected?.next ?? 0) < eventsEnd) return undefined;
    // Log time does not go back within a partition: what comes next is not before the last that was folded.
    return next >= end ? now : (folded?.log_time ?? 0);
  }
}

function position(store: Needs["store"], role: string, topic: string, partition: number) {
  return store.reader
    .selectFrom("position")
    .select(["next", "log_time"])
    .where("role", "=", role)
    .where("topic", "=", topic)
    .where("partition", "=", partition)
    .executeTakeFirst();
}
