// A processor's own records (tick, nodeLost, commandBound, commandRequested): one append at a time per partition, so that their sequence
// rises in the log; a failed one is tried again as it was, and the fold drops what came twice (rule I2).
import { limits } from "../../core/config/limits.ts";
import { logKey, trusted, type NodeId } from "../../core/ids/ids.ts";
import type { Entry, EventLog } from "../../core/log/log.ts";
import { encodeRecord } from "../../core/records/codec.ts";
import type { FrameBody } from "../../core/records/frame-record.ts";
import type { RegistryLookup } from "../../core/registry/view.ts";
import type { Clock } from "../../core/runtime/clock.ts";
import type { Logger } from "../../core/runtime/logger.ts";
import { Pauses } from "./retry.ts";

export interface OwnRecord {
  readonly party: string;
  /** "" for `nodeLost`. */
  readonly station: string;
  readonly body: Extract<FrameBody, { kind: "tick" | "nodeLost" | "commandBound" | "commandRequested" }>;
}

export interface AppenderOptions {
  readonly log: EventLog;
  readonly registry: Pick<RegistryLookup, "position">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly nodeId: NodeId;
  readonly partition: number;
}

interface Waiting {
  readonly entry: Entry;
  readonly isStillTrue: (() => boolean) | undefined;
}

export class Appender {
  private readonly options: AppenderOptions;
  private readonly pauses: Pauses;
  private readonly source: NodeId;
  private sequence = 0;
  private queue: Waiting[] = [];
  private running: Promise<void> | undefined;

  constructor(options: AppenderOptions) {
    this.options = options;
    this.pauses = new Pauses(options.clock);
    // Of its own, for other roles of the process count their records under the node's id.
    this.source = trusted.node(`${options.nodeId}/processor/${options.partition}`);
  }

  /**
   * @param isStillTrue asked before each try: where it says no the record is forgotten, for a log that was away for long has
   *   no use for what was so before.
   */
  append(record: OwnRecord, isStillTrue?: () => boolean): void {
    if (this.pauses.ended) return;
    const party = trusted.party(record.party);
    const station = trusted.station(record.station);
    const value = encodeRecord({
      party,
      station,
      source: this.source,
      sequence: this.sequence++,
      arrivedAt: this.options.clock.now(),
      registry: this.options.registry.position,
      keyId: null,
      ...record.body,
    });
    const entry = { key: record.station === "" ? "" : logKey(party, station), value };
    this.queue.push({ entry, isStillTrue });
    this.running ??= this.run();
  }

  /** Resolves when the append in flight has ended; what waits is not lost, for the next start asks again. */
  async stop(): Promise<void> {
    this.pauses.end();
    await this.running;
  }

  private async run(): Promise<void> {
    // The callers of this turn come into one append.
    await Promise.resolve();
    while (this.queue.length > 0 && !this.pauses.ended) {
      this.queue = this.queue.filter(({ isStillTrue }) => isStillTrue?.() ?? true);
      const entries = this.queue.slice(0, limits.foldAppendRecords).map(({ entry }) => entry);
      if (entries.length === 0) break;
      try {
        await this.options.log.append(this.options.log.topics.frames, this.options.partition, entries);
        this.queue = this.queue.slice(entries.length);
        this.pauses.reset();
      } catch (error) {
        this.options.logger.warn({ err: error, partition: this.options.partition }, "own records wait for the log");
        await this.pauses.pause();
      }
    }
    this.running = undefined;
  }
}
