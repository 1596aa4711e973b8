// The registry's snapshot of a data folder: every thread's start begins at it, the folds' thread writes it.
import { join } from "node:path";

import { RegistrySnapshots } from "../../core/registry/snapshot.ts";
import type { RegistryView } from "../../core/registry/view.ts";
import type { Clock, Timer } from "../../core/runtime/clock.ts";
import type { Logger } from "../../core/runtime/logger.ts";

/** So many changes are folded in a moment; a snapshot of a large registry is a hundred megabytes and seconds of a thread. */
const worthChanges = 10_000;
/** And so large a part of all of it. */
const worthShare = 0.05;
const lookMs = 60_000;

export function snapshotsIn(folder: string, logger: Logger): RegistrySnapshots {
  return new RegistrySnapshots(join(folder, "registry.snapshot"), (why) =>
    logger.info({ why }, "the registry's snapshot is not used; every change is folded again"),
  );
}

/** Writes a snapshot where it has become worth it: now and then, and at a clean end. */
export class SnapshotKeeper {
  private readonly view: RegistryView;
  private readonly clock: Clock;
  private readonly logger: Logger;
  /** Position of the last one. */
  private saved = 0;
  private timer: Timer | undefined;
  private saving: Promise<void> = Promise.resolve();
  private stopped = false;

  /** @param view started */
  constructor(view: RegistryView, clock: Clock, logger: Logger) {
    this.view = view;
    this.clock = clock;
    this.logger = logger;
  }

  start(): void {
    this.saved = this.view.restoredAt;
    this.saving = this.saveIfWorth().then(() => this.again());
  }

  async stop(): Promise<void> {
    this.stopped = true;
    this.timer?.cancel();
    await this.saving;
    await this.saveIfWorth();
  }

  private again(): void {
    if (this.stopped) return;
    this.timer = this.clock.after(lookMs, () => {
      this.saving = this.saveIfWorth().then(() => this.again());
    });
  }

  private async saveIfWorth(): Promise<void> {
    const { offset } = this.view.position;
    if (offset - this.saved < Math.max(worthChanges, this.saved * worthShare)) return;
    try {
      await this.view.save();
      this.saved = offset;
    } catch (error) {
      this.logger.warn({ err: error }, "the registry's snapshot was not written; the next start takes longer");
    }
  }
}
