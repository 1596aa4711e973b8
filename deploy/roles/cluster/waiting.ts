// A start whose servers are not there yet waits for them, and says so in its readiness: they may come up in any order.
// What waiting does not heal (a wrong password, missing topics) ends the start.
import { limits } from "../../../core/config/limits.ts";
import { isWattlogError, messageOf } from "../../../core/runtime/errors.ts";
import type { Logger } from "../../../core/runtime/logger.ts";

/** It was told to stop before it had started. */
export class StartCancelled extends Error {
  override readonly name = "StartCancelled";
}

export class Waiting {
  /** One sentence for readiness; undefined: nothing is waited for. */
  problem: string | undefined;
  private readonly logger: Logger;
  private readonly cancelled = Promise.withResolvers<never>();

  constructor(logger: Logger) {
    this.logger = logger;
    this.cancelled.promise.catch(() => undefined);
  }

  cancel(): void {
    this.cancelled.reject(new StartCancelled("told to stop before it had started"));
  }

  /**
   * The first result. Attempts count from 0.
   * @throws StartCancelled; and whatever `work` throws but `…/unavailable`
   */
  async for<T>(work: (attempt: number) => Promise<T>): Promise<T> {
    for (let attempt = 0; ; attempt++) {
      try {
        const result = await Promise.race([work(attempt), this.cancelled.promise]);
        this.problem = undefined;
        return result;
      } catch (error) {
        if (!isWattlogError(error) || !error.code.endsWith("/unavailable")) throw error;
        this.tell(messageOf(error));
      }
      await Promise.race([pause(limits.startRetryMs), this.cancelled.promise]);
    }
  }

  private tell(problem: string): void {
    if (problem !== this.problem) this.logger.warn({ problem }, "the start waits for a server");
    this.problem = problem;
  }
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
