// Which generation of the log a role should work on, looked at again and again (rule B4): who writes, the one that takes
// records; who folds, the one that the tables have come to. Where that is another one, the role begins again there.
import { limits } from "../../../core/config/limits.ts";
import type { Settings } from "../../../core/config/settings.ts";
import { findGenerations, openGeneration } from "../../../core/log/kafka-generations.ts";
import type { KafkaConnection } from "../../../core/log/kafka-wire.ts";
import type { Clock } from "../../../core/runtime/clock.ts";
import type { Logger } from "../../../core/runtime/logger.ts";
import { Rounds } from "../../../core/runtime/rounds.ts";
import { newestGeneration } from "./belonging.ts";
import { connectStore, withAdmin } from "./connect.ts";

export interface GenerationWatchOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly mine: number;
  /** How often it is asked where nothing was refused. */
  readonly everyMs: number;
  /** @returns undefined: none now. */
  readonly ask: () => Promise<number | undefined>;
  readonly moved: (why: string) => void;
}

export class GenerationWatch {
  private readonly options: GenerationWatchOptions;
  private readonly rounds: Rounds;
  private left = 0;
  private refused = false;
  private ended = false;

  constructor(options: GenerationWatchOptions) {
    this.options = options;
    this.rounds = new Rounds(options.clock, limits.generationHurryMs, () => this.round());
  }

  start(): void {
    this.rounds.start();
  }

  /** Another generation has begun: the one that the role works on takes nothing any more. */
  get isOver(): boolean {
    return this.ended;
  }

  /** The log refused what was sent: the next generation may be open already, or will be in a moment. */
  hurry(): void {
    this.refused = true;
  }

  stop(): Promise<void> {
    return this.rounds.stop();
  }

  private async round(): Promise<void> {
    if (!this.refused && --this.left > 0) return;
    const { ask, mine, everyMs, moved, logger } = this.options;
    this.left = Math.round(everyMs / limits.generationHurryMs);
    try {
      const now = await ask();
      if (now === undefined || now <= mine) return;
      this.ended = true;
      moved(`generation ${now} of the log has begun`);
    } catch (error) {
      logger.debug({ err: error }, "which generation of the log is open cannot be asked now");
    }
  }
}

/** @returns undefined while none takes records. */
export async function openGenerationOf(settings: Settings, connection: KafkaConnection): Promise<number | undefined> {
  const found = await withAdmin(connection, 0, (admin) => findGenerations(admin, settings.partitions));
  return openGeneration(found)?.topics.frames.generation;
}

/** The generation that the tables are folded from; a database that was never folded begins with the first. */
export async function storedGeneration(settings: Settings): Promise<number> {
  const store = await connectStore(settings);
  try {
    return Math.max(1, await newestGeneration(store.reader));
  } finally {
    await store.close();
  }
}
