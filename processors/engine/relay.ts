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

export class Relay {
  /** undefined: it goes. Otherwise one sentence. */
  problem: string | undefined;
  private readonly options: RelayOptions;
  private readonly pauses: Pauses;
  private isWoken = false;
  private tableSet = 0;
  private running: Promise<void> | undefined;

  constructor(options: RelayOptions) {
    this.options = options;
    this.pauses = new Pauses(options.clock);
  }

  /** There may be something in the outbox of this table set. */
  wake(tableSet: number): void {
    this.isWoken = true;
    this.tableSet = tableSet;
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

  private async run(): Promise<void> {
    // Never done within `wake`, which has yet to note that it runs.
    await Promise.resolve();
    while (this.isWoken) {
      this.isWoken = false;
      try {
        while (await this.sendSome(this.tableSet)) this.pauses.reset();
        this.problem = undefined;
      } catch (error) {
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
    const rows = await store.reader
      .selectFrom("outbox")
      .selectAll()
      .where("table_set", "=", tableSet)
      .where("partition", "=", partition)
      .orderBy("sequence")
      .limit(limits.foldAppendRecords)
      .execute();
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
    return some.length < rows.length || rows.length === limits.foldAppendRecords;
  }
}

/** At least one; the log refuses larger batches. */
function upToBytes(rows: readonly OutboxRow[], max: number): readonly OutboxRow[] {
  let bytes = 0;
  const end = rows.findIndex((row, index) => (bytes += row.event.length) > max && index > 0);
  return end < 0 ? rows : rows.slice(0, end);
}
