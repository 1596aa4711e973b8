// Whether the store answers, for a role that would not notice while nobody asks it anything.
import { limits } from "../../../core/config/limits.ts";
import type { Clock, Timer } from "../../../core/runtime/clock.ts";
import { messageOf } from "../../../core/runtime/errors.ts";
import type { Store } from "../../../core/store/store.ts";

export class StoreWatch {
  private readonly store: Store;
  private readonly clock: Clock;
  private timer: Timer | undefined;
  private stopped = false;
  /** One sentence for readiness. */
  problem: string | undefined;

  constructor(store: Store, clock: Clock) {
    this.store = store;
    this.clock = clock;
  }

  start(): void {
    this.timer = this.clock.after(limits.storeLookMs, () => void this.look());
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  private async look(): Promise<void> {
    try {
      await this.store.reader.selectFrom("position").select("next").limit(1).execute();
      this.problem = undefined;
    } catch (error) {
      this.problem = messageOf(error);
    }
    if (!this.stopped) this.start();
  }
}
