import { limits } from "../config/limits.ts";
import { WattlogError } from "../runtime/errors.ts";

/** So many at once; the others wait in turn, and not for ever. */
export class Slots {
  private free: number;
  private readonly queueMs: number;
  private readonly waiting = new Set<() => void>();

  constructor(count: number, queueMs: number = limits.storeQueueMs) {
    this.free = count;
    this.queueMs = queueMs;
  }

  /** @throws WattlogError `store/unavailable` */
  async take(): Promise<void> {
    if (this.free > 0) {
      this.free--;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const granted = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        this.waiting.delete(granted);
        const sentence = "Every connection to the store is in use: it is slower than what is asked of it.";
        reject(new WattlogError("store/unavailable", sentence));
      }, this.queueMs);
      this.waiting.add(granted);
    });
  }

  give(): void {
    const [next] = this.waiting;
    if (!next) {
      this.free++;
      return;
    }
    this.waiting.delete(next);
    next();
  }
}
