// The log, with an eye on its clock: a receipt's log time was given between the append and its acknowledgement.
import { ForwardingLog } from "../../../core/log/forwarding-log.ts";
import type { Entry, EventLog, Receipt, Topic } from "../../../core/log/log.ts";
import type { SteeredClock } from "../../../core/runtime/steered-clock.ts";

/** One receipt a second is enough. */
const everyMs = 1_000;

export class TimedLog extends ForwardingLog {
  private readonly clock: SteeredClock;

  constructor(log: EventLog, clock: SteeredClock) {
    super(log);
    this.clock = clock;
  }

  override append(topic: Topic, partition: number, entries: readonly Entry[]): Promise<Receipt> {
    const appending = super.append(topic, partition, entries);
    const from = this.clock.monotonic();
    if (from - this.clock.heardAt("log") < everyMs) return appending;
    return appending.then((receipt) => {
      this.clock.heard("log", receipt.logTime, from, this.clock.monotonic());
      return receipt;
    });
  }
}
