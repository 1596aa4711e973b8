// Rule F6: the outbox of a partition goes to `charging.events` in its order, one append at a time. What a crash leaves
// between append and delete is appended again, and the projector drops it by its sequence.
import { limits } from "../../core/config/limits.ts";
import { logKey, trusted } from "../../core/ids/ids.ts";
import type { EventLog } from "../../core/log/log.ts";
import type { Clock } from "../../core/runtime/clock.ts";
import { messageOf } from "../../core/runtime/errors.ts";
import type { Logger } from "../../core/runtime/logger.ts";
import type { Store } from "../../core/store/store.ts";
import type { OutboxRow } from "../../core/store/tables.ts";
import { Pauses } from "./retry.ts";

export interface RelayOptions {
  readonly log: EventLog;
  readonly store: Store;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly partition: number;
}

/** Events kept in memory for the next append; where more wait, they are read from the store. */
const keptMax = 4 * limits.foldAppendRecords;

export class Relay {
  /** undefined: it goes. Otherwise one sentence. */
  problem: string | undefined;
  private readonly options: RelayOptions;
  private readonly pauses: Pauses;
  private isWoken = false;
  private tableSet = 0;
  /** What was committed since the outbox was last empty: all of it, where `isWhole`. */
  private kept: OutboxRow[] = [];
  private isWhole = false;
  /** Last sequence that was sent since `began`. */
  private sent = -1;
  /** How often the fold began: what an append from before it tells says nothing of the outbox now. */
  private began = 0;
  private running: Promise<void> | undefined;

  constructor(options: RelayOptions) {
    this.options = options;
    this.pauses = new Pauses(options.clock);
  }

  /**
   * There may be something in the outbox of this table set.
   * @param rows what was committed just now; absent: the fold begins, perhaps in a store that has lost transactions, so
   * the store is asked, and events that were sent before may be sent again.
   */
  wake(tableSet: number, rows?: readonly OutboxRow[]): void {
    this.isWoken = true;
    this.tableSet = tableSet;
    if (!rows) {
      this.began += 1;
      this.sent = -1;
    }
    this.keep(rows);
    if (this.pauses.ended) return;
    this.running ??= this.run();
  }

  /** Resolves when the outbox is empty or cannot be emptied now. */
  async drain(): Promise<void> {
    if (this.problem === undefined) await this.running;
    await this.stop();
  }

  async stop(): Promise<void> {
    this.pauses.end();
    await this.running;
  }

  private keep(rows: readonly OutboxRow[] | undefined): void {
    if (!rows || this.kept.length + rows.length > keptMax) {
      this.forget();
      return;
    }
    // A read of the store may have seen the commit before we were told of it.
    for (const row of rows) if (row.sequence > this.sent) this.kept.push(row);
  }

  private forget(): void {
    this.kept = [];
    this.isWhole = false;
  }

  private async run(): Promise<void> {
    // Never done within `wake`, which has yet to note that it runs.
    await Promise.resolve();
    while (this.isWoken) {
      this.isWoken = false;
      try {
        while (await this.sendSome(this.tableSet)) this.pauses.reset();
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
  private async sendSome(tableSet: number): Promise<boolean> {
    const { log, store, partition } = this.options;
    const { began } = this;
    const rows = this.isWhole ? this.kept.slice(0, limits.foldAppendRecords) : await this.read(tableSet, began);
    const some = upToBytes(rows, limits.appendBatchBytes / 2);
    const last = some.at(-1);
    if (!last) return false;
    const entries = some.map((row) => ({
      key: logKey(trusted.party(row.party), trusted.station(row.station)),
      value: row.event,
    }));
    await log.append(log.topics.events, partition, entries);
    await store.transaction(async (tx) => {
      await tx.db
        .deleteFrom("outbox")
        .where("table_set", "=", tableSet)
        .where("partition", "=", partition)
        .where("sequence", "<=", last.sequence)
        .execute();
    });
    if (began !== this.began) return true;
    this.sent = last.sequence;
    this.kept = this.kept.filter((row) => row.sequence > this.sent);
    return some.length < rows.length || rows.length === limits.foldAppendRecords;
  }

  private async read(tableSet: number, began: number): Promise<readonly OutboxRow[]> {
    const rows = await this.options.store.reader
      .selectFrom("outbox")
      .selectAll()
      .where("table_set", "=", tableSet)
      .where("partition", "=", this.options.partition)
      .orderBy("sequence")
      .limit(limits.foldAppendRecords)
      .execute();
    // Empty but for what we were told of, or will be.
    if (rows.length === 0 && this.kept.length === 0 && began === this.began) this.isWhole = true;
    return rows;
  }
}

/** At least one; the log refuses larger batches. */
function upToBytes(rows: readonly OutboxRow[], max: number): readonly OutboxRow[] {
  let bytes = 0;
  const end = rows.findIndex((row, index) => (bytes += row.event.length) > max && index > 0);
  return end < 0 ? rows : rows.slice(0, end);
}
