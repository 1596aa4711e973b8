// The log, with an eye on its fence: a topic whose generation was ended refuses whatever is sent (rule B4). Whoever is refused
// should not wait for the next look at which generation takes records, and who knows that another one does sends nothing.
import { ForwardingLog } from "../../../core/log/forwarding-log.ts";
import type { Entry, EventLog, Receipt, Topic } from "../../../core/log/log.ts";
import { isWattlogError, WattlogError } from "../../../core/runtime/errors.ts";

/** Of the frames and the registry: events of a generation are told until its folds have come to their ends. */
interface Fence {
  readonly isOver: boolean;
  hurry(): void;
}

export class FencedLog extends ForwardingLog {
  private readonly fence: Fence;

  constructor(log: EventLog, fence: Fence) {
    super(log);
    this.fence = fence;
  }

  /** @throws WattlogError `log/ended` at once, where the next generation has begun */
  override append(topic: Topic, partition: number, entries: readonly Entry[]): Promise<Receipt> {
    if (this.fence.isOver) {
      const sentence = `${topic.name} has ended; this role begins again in the next generation.`;
      return Promise.reject(new WattlogError("log/ended", sentence));
    }
    const appending = super.append(topic, partition, entries);
    appending.catch((error: unknown) => {
      if (isWattlogError(error, "log/ended")) this.fence.hurry();
    });
    return appending;
  }
}
