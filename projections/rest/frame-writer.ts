// The api's own records in `ocpp.frames` (command requested, command ended, redrive, release).
//
// Rule I2: within a source the sequence rises in the log, or a fold would take the later record for a repeat. So one
// append per partition is under way at a time; what comes meanwhile goes with the next.
import { limits } from "../../core/config/limits.ts";
import { logKey, type NodeId, type PartyId, type StationId } from "../../core/ids/ids.ts";
import type { Entry, EventLog, Receipt } from "../../core/log/log.ts";
import { partitionOf } from "../../core/log/partition.ts";
import { encodeRecord } from "../../core/records/codec.ts";
import type { FrameBody } from "../../core/records/frame-record.ts";
import type { RegistryView } from "../../core/registry/view.ts";
import type { Clock } from "../../core/runtime/clock.ts";
import { WattlogError } from "../../core/runtime/errors.ts";

interface Waiting {
  readonly entries: readonly Entry[];
  readonly resolve: (receipt: Receipt) => void;
  readonly reject: (error: unknown) => void;
}

interface Queue {
  waiting: Waiting[];
  busy: boolean;
}

export interface FrameWriterOptions {
  readonly log: EventLog;
  readonly registry: RegistryView;
  readonly clock: Clock;
  readonly nodeId: NodeId;
}

export class FrameWriter {
  private readonly options: FrameWriterOptions;
  private readonly queues = new Map<number, Queue>();
  private sequence = 0;

  constructor(options: FrameWriterOptions) {
    this.options = options;
  }

  /**
   * Resolves when durable; the bodies of one call stand side by side. The receipt's log time is theirs.
   * @throws WattlogError `log/full` when too much waits for that partition; what `append` throws.
   */
  append(party: PartyId, station: StationId, bodies: readonly FrameBody[]): Promise<Receipt> {
    const { log, registry, clock, nodeId } = this.options;
    const key = logKey(party, station);
    const partition = partitionOf(key, log.topics.frames.partitions);
    const queue = this.queues.get(partition) ?? { waiting: [], busy: false };
    this.queues.set(partition, queue);
    if (queue.waiting.length >= limits.appendBatchRecords) {
      return Promise.reject(new WattlogError("log/full", "too many commands wait for the log; try again shortly"));
    }
    const envelope = {
      party,
      station,
      source: nodeId,
      arrivedAt: clock.now(),
      registry: registry.position,
      keyId: null,
    };
    const entries = bodies.map((body) => ({
      key,
      value: encodeRecord({ ...envelope, sequence: ++this.sequence, ...body }),
    }));
    return new Promise((resolve, reject) => {
      queue.waiting.push({ entries, resolve, reject });
      if (!queue.busy) void this.flush(partition, queue);
    });
  }

  private async flush(partition: number, queue: Queue): Promise<void> {
    queue.busy = true;
    while (queue.waiting.length > 0) {
      const batch = queue.waiting;
      queue.waiting = [];
      try {
        const receipt = await this.options.log.append(
          this.options.log.topics.frames,
          partition,
          batch.flatMap(({ entries }) => entries),
        );
        let offset = receipt.baseOffset;
        for (const { entries, resolve } of batch) {
          resolve({ ...receipt, baseOffset: offset });
          offset += entries.length;
        }
      } catch (error) {
        for (const { reject } of batch) reject(error);
      }
    }
    queue.busy = false;
  }
}
