// A topic that is deleted and made anew under a running process is another log, whose offsets begin again: a reader could
// go on in the middle of it, a writer would write for nobody. The process ends instead, and its next start is refused
// by whoever knows the old log. Whoever has nothing to write learns here, too, that Kafka cannot be reached any more.
import { limits } from "../../../core/config/limits.ts";
import type { Clock, Timer } from "../../../core/runtime/clock.ts";
import { messageOf } from "../../../core/runtime/errors.ts";

/**
 * @param attempt how many were in vain before
 * @throws with one sentence where no broker answers
 */
export type AskTopicIds = (attempt: number) => Promise<ReadonlyMap<string, string>>;

export interface LogWatchOptions {
  /** As they were at the start. */
  readonly ids: ReadonlyMap<string, string>;
  readonly ask: AskTopicIds;
  readonly clock: Clock;
  readonly fatal: (why: string) => void;
}

export class LogWatch {
  private readonly options: LogWatchOptions;
  private timer: Timer | undefined;
  private stopped = false;
  private silentSince: number | undefined;
  private inVain = 0;
  /** One sentence for readiness: what was deleted. */
  problem: string | undefined;
  /** One sentence for readiness: no broker has answered for `logSilentMs`. One answer ends it, one that is late does not begin it. */
  silence: string | undefined;

  constructor(options: LogWatchOptions) {
    this.options = options;
  }

  start(): void {
    this.schedule(limits.logLookMs);
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  private schedule(ms: number): void {
    this.timer = this.options.clock.after(ms, () => void this.look());
  }

  private async look(): Promise<void> {
    const { ask, clock } = this.options;
    const asked = clock.monotonic();
    let now: ReadonlyMap<string, string> | undefined;
    try {
      now = await ask(this.inVain);
      [this.inVain, this.silentSince, this.silence] = [0, undefined, undefined];
    } catch (error) {
      this.inVain++;
      this.silentSince ??= asked;
      if (clock.monotonic() - this.silentSince >= limits.logSilentMs) this.silence = messageOf(error);
    }
    if (this.stopped) return;
    if (!now) return this.schedule(limits.logLookAgainMs);
    if (this.isOurs(now)) this.start();
  }

  private isOurs(now: ReadonlyMap<string, string>): boolean {
    const { ids, fatal } = this.options;
    const gone = [...ids.keys()].find((name) => !now.has(name));
    this.problem = gone === undefined ? undefined : `Kafka's topic ${gone} was deleted: restore it.`;
    for (const [name, id] of now) {
      if (ids.get(name) === id) continue;
      fatal(
        `${name} was deleted and made anew while this process ran: it is another log now. Restore the one that was.`,
      );
      return false;
    }
    return true;
  }
}
