// The api's own records in `ocpp.frames` (command requested, command ended, redrive, release).
//
// Rule I2: within a source the sequence rises in the log, or a fold would take the later record for a repeat. The log
// keeps the order of calls, and what it refuses is not tried again, so no record waits here for the one before it.
import { limits } from "../../core/config/limits.ts";
import { logKey, type NodeId, type PartyId, type StationId } from "../../core/ids/ids.ts";
import type { EventLog, Receipt } from "../../core/log/log.ts";
import { partitionOf } from "../../core/log/partition.ts";
import { encodeRecord } from "../../core/records/codec.ts";
import type { FrameBody } from "../../core/records/frame-record.ts";
import type { RegistryView } from "../../core/registry/view.ts";
import type { Clock } from "../../core/runtime/clock.ts";
import { WattlogError } from "../../core/runtime/errors.ts";

export interface FrameWriterOptions {
  readonly log: EventLog;
  readonly registry: RegistryView;
  readonly clock: Clock;
  readonly nodeId: NodeId;
}

export class FrameWriter {
  private readonly options: FrameWriterOptions;
  /** By partition, calls without a receipt. */
  private readonly outstanding = new Map<number, number>();
  private sequence = 0;

  constructor(options: FrameWriterOptions) {
    this.options = options;
  }

  /**
   * Resolves when durable; the bodies of one call stand side by side. The receipt's log time is theirs.
   * @param tell who waits for them (core/log, `EventLog.listen`).
   * @throws WattlogError `log/full` when too much waits for that partition; what `append` throws.
   */
  async append(party: PartyId, station: StationId, bodies: readonly FrameBody[], tell?: NodeId): Promise<Receipt> {
    const { log, registry, clock, nodeId } = this.options;
    const { frames } = log.topics;
    const key = logKey(party, station);
    const partition = partitionOf(key, frames.partitions);
    const before = this.outstanding.get(partition) ?? 0;
    if (before >= limits.appendBatchRecords) {
      throw new WattlogError("log/full", "too many commands wait for the log; try again shortly");
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
      tell,
    }));
    this.outstanding.set(partition, before + 1);
    try {
      return await log.append(frames, partition, entries);
    } finally {
      this.outstanding.set(partition, this.outstanding.get(partition)! - 1);
    }
  }
}
