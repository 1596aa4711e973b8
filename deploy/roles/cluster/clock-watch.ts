// Tells of a clock that goes wrong: with the seconds, once when it begins and once when it ends, and by a metric.
import { limits } from "../../../core/config/limits.ts";
import type { Timer } from "../../../core/runtime/clock.ts";
import type { Logger } from "../../../core/runtime/logger.ts";
import type { Metrics } from "../../../core/runtime/metrics.ts";
import type { SteeredClock, TimeSource } from "../../../core/runtime/steered-clock.ts";

export interface ClockWatchOptions {
  readonly clock: SteeredClock;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

/** Epoch ms. */
export type AskTime = () => Promise<number>;

export class ClockWatch {
  private readonly options: ClockWatchOptions;
  private readonly told = new Set<TimeSource>();
  private askPostgres: AskTime | undefined;
  private timer: Timer | undefined;
  private stopped = false;

  constructor(options: ClockWatchOptions) {
    this.options = options;
  }

  /** Resolves when the store has been asked once. */
  async with(askPostgres: AskTime): Promise<void> {
    this.askPostgres = askPostgres;
    await this.ask();
  }

  start(): void {
    void this.look();
  }

  stop(): void {
    this.stopped = true;
    this.timer?.cancel();
  }

  private async look(): Promise<void> {
    await this.ask();
    this.tell();
    if (!this.stopped) this.timer = this.options.clock.after(limits.clockLookMs, () => void this.look());
  }

  private async ask(): Promise<void> {
    const { clock } = this.options;
    if (!this.askPostgres) return;
    const from = clock.monotonic();
    // Its absence is told by whoever needs the store.
    const time = await this.askPostgres().catch(() => undefined);
    if (time !== undefined) clock.heard("postgres", time, from, clock.monotonic());
  }

  private tell(): void {
    const { clock, metrics, logger } = this.options;
    for (const { against, ms } of clock.skews()) {
      const seconds = Math.round(ms / 100) / 10;
      metrics.clockSkew.set({ against }, seconds);
      const isOff = Math.abs(ms) > limits.clockSkewMs;
      if (isOff === this.told.has(against)) continue;
      if (isOff) {
        this.told.add(against);
        logger.warn(
          { against, seconds },
          `this machine's clock is ${Math.abs(seconds)} s ${ms > 0 ? "ahead of" : "behind"} that of ${namesOf[against]}: put it right (NTP)`,
        );
      } else {
        this.told.delete(against);
        logger.info({ against, seconds }, `this machine's clock agrees with that of ${namesOf[against]} again`);
      }
    }
  }
}

const namesOf: Readonly<Record<TimeSource, string>> = { log: "the log", redis: "Redis", postgres: "Postgres" };
