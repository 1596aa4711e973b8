// An EventLog in front of another one whose appends to `ocpp.frames` a test can hold, fail, or let through unsynced.
import { ForwardingLog } from "../../core/log/forwarding-log.ts";
import type { Entry, Receipt, Topic } from "../../core/log/log.ts";

export class HeldLog extends ForwardingLog {
  /** Appends that have arrived and wait for `release`. */
  waiting = 0;
  private gate: { readonly opened: Promise<void>; readonly open: () => void } | undefined;
  private failing: Error | undefined;

  /** From now on appends wait before they reach the log: nothing of them is stored until `release`. */
  hold(): void {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.gate = { opened: promise, open: resolve };
  }

  release(): void {
    this.gate?.open();
    this.gate = undefined;
  }

  /** From now on appends are refused; undefined: taken again. */
  fail(error: Error | undefined): void {
    this.failing = error;
  }

  override async append(topic: Topic, partition: number, entries: readonly Entry[]): Promise<Receipt> {
    if (topic.name !== this.topics.frames.name) return super.append(topic, partition, entries);
    if (this.gate) {
      this.waiting++;
      await this.gate.opened;
      this.waiting--;
    }
    if (this.failing) throw this.failing;
    return super.append(topic, partition, entries);
  }
}
