// Copies closed ranges of the log to the archive, and lets the log give up what is in it (rule B2). Nothing is trimmed
// that the manifest does not name, whose segment was not read back from the archive and found whole, or that anybody
// still needs. Whatever kills the archiver, its next start goes on where the manifest ends: at worst it copies again.
import { allGenerations } from "../log/generations.ts";
import type { Topic, TrimmableLog } from "../log/log.ts";
import type { Clock } from "../runtime/clock.ts";
import { Rounds } from "../runtime/rounds.ts";
import { messageOf } from "../runtime/errors.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Metrics } from "../runtime/metrics.ts";
import type { Readiness, Service } from "../runtime/service.ts";
import type { LogArchive } from "./archive.ts";
import { copyClosed, Place } from "./copying.ts";
import type { Holds } from "./holds.ts";
import { giveUp } from "./trimming.ts";

export interface ArchiverOptions {
  /** With the generations that have ended, whose folds stand at their ends: nothing of those is appended or folded any more. */
  readonly log: TrimmableLog;
  readonly archive: LogArchive;
  /** What somebody still needs of the log; asked anew before each trim. */
  readonly holds: () => Promise<Holds>;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** A range is closed when its first record is as old, or when it is large. */
  readonly everyMs: number;
  /** What is younger stays in the log too. */
  readonly keepMs: number;
  readonly segmentBytes: number;
  readonly roundMs: number;
}

export interface Archiver extends Service {
  /** One look at the whole log, of which `start` makes one after the other; what fails is in `readiness`. */
  look(): Promise<void>;
  readiness(): readonly Readiness[];
}

export function createArchiver(options: ArchiverOptions): Archiver {
  return new RunningArchiver(options);
}

class RunningArchiver implements Archiver {
  readonly name = "archiver";
  private readonly options: ArchiverOptions;
  private readonly places: readonly Place[];
  /** By what failed; told until it works again. */
  private readonly problems = new Map<string, string>();
  private readonly rounds: Rounds;

  constructor(options: ArchiverOptions) {
    this.options = options;
    this.rounds = new Rounds(options.clock, options.roundMs, () => this.look());
    const { log } = options;
    this.places = allGenerations(log).flatMap(({ registry, frames, events }) =>
      [registry, frames, events].flatMap((topic) => {
        const hasEnded = topic.generation !== log.topics.frames.generation;
        return Array.from({ length: topic.partitions }, (_, partition) => new Place(topic, partition, hasEnded));
      }),
    );
  }

  async start(): Promise<void> {
    this.rounds.start(0);
  }

  /** What is being copied is finished: a segment and its entry. */
  drain(): Promise<void> {
    return this.rounds.stop();
  }

  stop(): Promise<void> {
    return this.drain();
  }

  readiness(): readonly Readiness[] {
    const [first] = this.problems.values();
    const more = this.problems.size > 1 ? ` (and ${this.problems.size - 1} more)` : "";
    return [{ name: "archive", problem: first && `${first}${more}` }];
  }

  async look(): Promise<void> {
    const isStopping = () => this.rounds.isStopped;
    for (const place of this.places) {
      if (this.rounds.isStopped) return;
      await this.attempt(place.name, async () => {
        await copyClosed(place, this.options, isStopping);
        this.measure(place);
      });
    }
    // The registry is never trimmed: every process folds it from its first record.
    const topics = allGenerations(this.options.log).flatMap(({ frames, events }) => [frames, events]);
    for (const topic of topics) await this.attempt(`trimming of ${topic.name}`, () => this.trim(topic));
  }

  private async trim(topic: Topic): Promise<void> {
    if (this.rounds.isStopped) return;
    const { metrics, holds } = this.options;
    const places = this.places.filter((place) => place.topic === topic && place.archived !== undefined);
    const kept = await giveUp(places, await holds(), this.options, () => this.rounds.isStopped);
    for (const [partition, { start, overdueMs }] of kept) {
      const labels = { topic: topic.name, partition: String(partition) };
      metrics.logTrimmedOffset.set(labels, start);
      metrics.retentionOverdue.set(labels, overdueMs / 1000);
    }
  }

  /** One that fails keeps no other from being archived, and is tried again in the next round. */
  private async attempt(what: string, work: () => Promise<void>): Promise<void> {
    const { logger, metrics } = this.options;
    try {
      await work();
      if (this.problems.delete(what)) logger.info({ what }, "the archive works again");
    } catch (error) {
      metrics.archiveFailures.inc();
      const problem = messageOf(error);
      if (this.problems.get(what) !== problem) logger.error({ what, problem }, "not archived");
      this.problems.set(what, problem);
    }
  }

  private measure(place: Place): void {
    const { metrics, clock } = this.options;
    const labels = { topic: place.topic.name, partition: String(place.partition) };
    metrics.archivedOffset.set(labels, place.archived ?? 0);
    metrics.archiveLag.set(labels, place.end - (place.archived ?? 0));
    const oldest = place.oldest === undefined ? 0 : Math.max(0, clock.now() - place.oldest) / 1000;
    metrics.archiveOldest.set(labels, oldest);
  }
}
