// Rule F6: the outbox of a partition goes to `charging.events` in its order, one append at a time. What a crash leaves
// between append and removal is appended again, and the projector drops it by its sequence.
import { limits } from "../../core/config/limits.ts";
import type { EventLog } from "../../core/log/log.ts";
import type { Clock } from "../../core/runtime/clock.ts";
import { messageOf } from "../../core/runtime/errors.ts";
import type { Logger } from "../../core/runtime/logger.ts";
import { whatMoved } from "../../core/store/position.ts";
import type { KeyOf, Store } from "../../core/store/store.ts";
import type { PositionRow } from "../../core/store/tables.ts";
import { bundleOf, type Bundle } from "./outgoing.ts";
import { Pauses } from "./retry.ts";

export interface RelayOptions {
  readonly log: EventLog;
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly partition: number;
}

/** Events kept in memory, two of the largest batches; where more wait, they are read from the store. */
const keptMax = 2 * limits.foldBatchRecords;
/** Rows of one read. */
const readMost = 8;

export class Relay {
  /** undefined: it goes. Otherwise one sentence. */
  problem: string | undefined;
  private readonly options: RelayOptions;
  private readonly pauses: Pauses;
  private isWoken = false;
  /** Where the fold stood when it last told of something. */
  private position!: PositionRow;
  /** Read from the store and not yet sent. */
  private ahead: readonly Bundle[] = [];
  /** What we were told of since: with what was read all that waits, where `isWhole`. */
  private kept: Bundle[] = [];
  private isWhole = false;
  private forgotten = 0;
  /** Last sequence that was sent since `began`. */
  private sent = -1;
  /** How often the fold began: what an append from before it tells says nothing of the outbox now. */
  private began = 0;
  private running: Promise<void> | undefined;
  /** What is in the log, and not yet out of the outbox. */
  private done: KeyOf<"outbox">[] = [];
  private removing: Promise<void> | undefined;
  private isDraining = false;

  constructor(options: RelayOptions) {
    this.options = options;
    this.pauses = new Pauses(options.clock);
  }

  /**
   * There may be something in the outbox.
   * @param position as it is in the store now, with those bundles.
   * @param bundles what was committed just now; absent: the fold begins, perhaps in a store that has lost transactions, so
   * the store is asked, and events that were sent before may be sent again.
   */
  wake(position: PositionRow, bundles?: readonly Bundle[]): void {
    this.isWoken = true;
    this.position = position;
    if (!bundles) {
      this.began += 1;
      this.sent = -1;
    }
    this.keep(bundles);
    if (this.pauses.ended) return;
    this.running ??= this.run();
  }

  /** Resolves when the outbox is empty or cannot be emptied now. */
  async drain(): Promise<void> {
    this.isDraining = true;
    if (this.problem === undefined) await this.running;
    await this.removing;
    await this.stop();
  }

  async stop(): Promise<void> {
    this.pauses.end();
    await this.running;
    await this.removing;
  }

  private keep(bundles: readonly Bundle[] | undefined): void {
    if (!bundles || countOf(this.kept) + countOf(bundles) > keptMax) {
      this.forget();
      return;
    }
    // A read of the store may have seen the commit before we were told of it.
    for (const bundle of bundles) if (bundle.key.sequence > this.sent) this.kept.push(bundle);
  }

  private forget(): void {
    this.kept = [];
    this.ahead = [];
    this.isWhole = false;
    this.forgotten += 1;
  }

  private async run(): Promise<void> {
    // Never done within `wake`, which has yet to note that it runs.
    await Promise.resolve();
    while (this.isWoken) {
      this.isWoken = false;
      try {
        while (await this.sendSome()) this.pauses.reset();
        this.problem = undefined;
      } catch (error) {
        this.forget();
        this.problem = `events of partition ${this.options.partition} wait: ${messageOf(error)}`;
        this.options.logger.warn({ err: error, partition: this.options.partition }, "events wait in the outbox");
        await this.pauses.pause();
        this.isWoken = !this.pauses.ended;
      }
    }
    this.running = undefined;
  }

  /** @returns whether there may be more. */
  private async sendSome(): Promise<boolean> {
    const { log, partition } = this.options;
    const { began } = this;
    if (!this.isWhole && this.ahead.length === 0 && !(await this.read())) return true;
    const some = forOneAppend(this.ahead.length > 0 ? this.ahead : this.kept);
    const last = some.at(-1);
    if (!last) return false;
    const entries = some.flatMap((bundle) => bundle.entries);
    await log.append(log.topics.events, partition, entries);
    this.done.push(...some.map(({ key }) => key));
    this.removing ??= this.remove();
    if (began !== this.began) return true;
    this.sent = last.key.sequence;
    this.kept = this.kept.filter(({ key }) => key.sequence > this.sent);
    this.ahead = this.ahead.filter(({ key }) => key.sequence > this.sent);
    return true;
  }

  /**
   * @returns false where what was read is worth nothing, for something was forgotten meanwhile.
   * @throws StoreRewound | TableSetChanged the outbox is not the one that we were told of. What we forgot is not in it, and
   * what we know came after that: nothing goes until the fold has found out as well, and begins again.
   */
  private async read(): Promise<boolean> {
    const { forgotten, position } = this;
    const rows = await this.look(position);
    if (forgotten !== this.forgotten) return false;
    const moved = whatMoved(position, rows[0]);
    if (moved) throw moved;
    this.ahead = rows.flatMap(({ sequence, count, events }) => {
      if (sequence === null || count === null || events === null) return [];
      const { table_set, partition } = position;
      return [bundleOf({ table_set, partition, sequence, count, events })];
    });
    // What is committed later we are told.
    this.isWhole = this.ahead.length < readMost;
    return true;
  }

  /** The next rows, each with the position as of the same moment; one of nulls where nothing waits. */
  private look({ role, topic, partition, table_set }: PositionRow) {
    return this.options.store.reader
      .selectFrom("position")
      .leftJoin("outbox", (join) =>
        join
          .on("outbox.table_set", "=", table_set)
          .on("outbox.partition", "=", partition)
          // What is below may be on its way out.
          .on("outbox.sequence", ">", this.sent),
      )
      .select(["position.table_set", "position.next", "outbox.sequence", "outbox.count", "outbox.events"])
      .where("position.role", "=", role)
      .where("position.topic", "=", topic)
      .where("position.partition", "=", partition)
      .orderBy("outbox.sequence")
      .limit(readMost)
      .execute();
  }

  /** Nothing waits for it: what stays is sent once more by the next start, and by nobody before that. */
  private async remove(): Promise<void> {
    const { store, logger, partition } = this.options;
    while (this.done.length > 0 && !this.pauses.ended) {
      const keys = this.done;
      this.done = [];
      try {
        await store.write({ changes: [{ act: "remove", table: "outbox", rows: keys }], canWait: true });
      } catch (error) {
        this.done.unshift(...keys);
        logger.warn({ err: error, partition }, "events that were sent are still in the outbox");
        if (this.isDraining) break;
        await this.pauses.pause();
      }
    }
    this.removing = undefined;
  }
}

function countOf(bundles: readonly Bundle[]): number {
  return bundles.reduce((sum, { entries }) => sum + entries.length, 0);
}

/** At least one; the log refuses larger batches. */
function forOneAppend(bundles: readonly Bundle[]): readonly Bundle[] {
  let bytes = 0;
  let count = 0;
  const end = bundles.findIndex((bundle, index) => {
    bytes += bundle.bytes;
    count += bundle.entries.length;
    return index > 0 && (bytes > limits.appendBatchBytes / 2 || count > limits.foldAppendRecords);
  });
  // A copy: what is committed while these are on their way is not one of them.
  return bundles.slice(0, end < 0 ? bundles.length : end);
}
