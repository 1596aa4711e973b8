// A topic that is deleted and made anew under a running process is another log, whose offsets begin again: a reader could
// go on in the middle of it, a writer would write for nobody. The process ends instead, and its next start is refused
// by whoever knows the old log.
import { limits } from "../../../core/config/limits.ts";
import type { Clock, Timer } from "../../../core/runtime/clock.ts";

export type AskTopicIds = () => Promise<ReadonlyMap<string, string>>;

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
  /** One sentence for readiness. */
  problem: string | undefined;

  constructor(options: LogWatchOptions) {
    this.options = options;
  }

  start(): void {
    this.timer = this.options.clock.after(limits.logLookMs, () => void this.look());
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  private async look(): Promise<void> {
    const { ids, ask, fatal } = this.options;
    // A Kafka that does not answer is told by whoever reads or writes.
    const now = await ask().catch(() => undefined);
    if (this.stopped) return;
    if (now) {
      const gone = [...ids.keys()].find((name) => !now.has(name));
      this.problem = gone === undefined ? undefined : `Kafka's topic ${gone} was deleted: restore it.`;
      for (const [name, id] of now) {
        if (ids.get(name) === id) continue;
        return fatal(
          `${name} was deleted and made anew while this process ran: it is another log now. Restore the one that was.`,
        );
      }
    }
    this.start();
  }
}
