// The processor role: folds `ocpp.frames` into sessions, CDRs, commands and the stations' states, partition by partition.
import type { CommandBus } from "../core/bus/bus.ts";
import type { NodeId } from "../core/ids/ids.ts";
import type { EventLog } from "../core/log/log.ts";
import type { RegistryView } from "../core/registry/view.ts";
import type { Clock, Timer } from "../core/runtime/clock.ts";
import type { Logger } from "../core/runtime/logger.ts";
import type { Metrics } from "../core/runtime/metrics.ts";
import type { Readiness, Service } from "../core/runtime/service.ts";
import type { Store } from "../core/store/store.ts";
import { Partition } from "./engine/partition.ts";
import type { StationFold } from "./engine/station-fold.ts";
import { ocppFold, type StationState } from "./ocpp-fold.ts";

export interface ProcessorOptions {
  readonly log: EventLog;
  readonly store: Store;
  readonly bus: CommandBus;
  /** Started; the processor does not stop it. */
  readonly registry: RegistryView;
  readonly clock: Clock;
  /** Of this process: names the writer of ticks. */
  readonly nodeId: NodeId;
  /**
   * Rule T3: whether a node that holds stations is gone. Embedded, the folder's lock proves it of every node but this
   * process's own gateway; in a cluster the leases tell. Absent: nobody is ever presumed lost.
   */
  readonly isNodeLost?: (nodeId: NodeId) => boolean;
  /** How often to ask again, ms; absent: once, after the start. */
  readonly lostLookMs?: number;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /**
   * Whether this process is the one that should fold the partition: asked before a fold that met a foreign position
   * begins again. Absent: no other process could have it, so one that folded further is never taken for an owner.
   */
  readonly owns?: (partition: number) => Promise<boolean>;
  /** Default: all. */
  readonly partitions?: readonly number[];
  /** Of partitions that were never folded. Default 1. */
  readonly tableSet?: number;
  /** The seam for tests that need a record to fail. */
  readonly fold?: StationFold<StationState>;
}

export interface Progress {
  readonly partition: number;
  /** Next offset to fold. */
  readonly next: number;
  /** The log's end, as of a second ago at most. */
  readonly end: number;
}

export interface Processor extends Service {
  progress(): readonly Progress[];
  readiness(): readonly Readiness[];
}

const endLookMs = 1_000;
/** A query and, where records wait, a read of each partition. */
const behindLookMs = 5_000;

export function createProcessor(options: ProcessorOptions): Processor {
  const { log, clock, logger } = options;
  const numbers =
    options.partitions ?? Array.from({ length: log.topics.frames.partitions }, (_, partition) => partition);
  const shared = {
    ...options,
    isNodeLost: options.isNodeLost,
    lostLookMs: options.lostLookMs,
    fold: options.fold ?? ocppFold,
    tableSet: options.tableSet ?? 1,
  };
  const { owns } = options;
  const partitions = numbers.map((partition) => {
    return new Partition({ ...shared, partition, owns: owns && (() => owns(partition)) });
  });
  const timers = new Map<"lookAtEnd" | "lookBehind", Timer>();
  let isStopping = false;

  /** The next look waits for this one: none pile up on a log or store that does not answer. */
  const look = async (what: "lookAtEnd" | "lookBehind", everyMs: number): Promise<void> => {
    await Promise.all(partitions.map((partition) => partition[what]())).catch((error: unknown) => {
      logger.debug({ err: error }, "log or store do not tell how far they are");
    });
    if (!isStopping)
      timers.set(
        what,
        clock.after(everyMs, () => void look(what, everyMs)),
      );
  };
  const end = async (how: "drain" | "stop") => {
    isStopping = true;
    for (const timer of timers.values()) timer.cancel();
    await Promise.all(partitions.map((partition) => partition[how]()));
  };

  return {
    name: "processor",
    start() {
      for (const partition of partitions) partition.start();
      void look("lookAtEnd", endLookMs);
      void look("lookBehind", behindLookMs);
      return Promise.resolve();
    },
    drain: () => end("drain"),
    stop: () => end("stop"),
    progress: () => partitions.map((partition) => partition.progress()),
    readiness: () =>
      partitions.map((partition) => ({
        name: `fold of partition ${partition.progress().partition}`,
        problem: partition.problem ?? partition.relayProblem,
      })),
  };
}
