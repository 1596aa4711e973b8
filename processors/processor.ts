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
  const partitions = numbers.map((partition) => new Partition({ ...shared, partition }));
  let timer: Timer | undefined;
  let isStopping = false;

  const lookAtEnds = () => {
    Promise.all(partitions.map((partition) => partition.lookAtEnd())).catch((error: unknown) => {
      logger.debug({ err: error }, "the log's ends are not to be had");
    });
    if (!isStopping) timer = clock.after(endLookMs, lookAtEnds);
  };
  const end = async (how: "drain" | "stop") => {
    isStopping = true;
    timer?.cancel();
    await Promise.all(partitions.map((partition) => partition[how]()));
  };

  return {
    name: "processor",
    start() {
      for (const partition of partitions) partition.start();
      lookAtEnds();
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
