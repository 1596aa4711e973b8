// One pass over `ocpp.frames`: what it holds of the fleet's stations, repeats of a frame id dropped and counted.
import { hash } from "node:crypto";

import { frameId } from "../../core/ids/ids.ts";
import { firstOffsetOf } from "../../core/log/generations.ts";
import type { EventLog, Topic } from "../../core/log/log.ts";
import { CorruptRecordError, decodeRecord } from "../../core/records/codec.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";

export interface LoggedFrame {
  readonly partition: number;
  readonly offset: number;
  readonly logTime: number;
  readonly record: FrameRecord;
}

export interface LogScan {
  /** Records looked at, of all stations. */
  readonly records: number;
  /** A frame id that stands in the log again: a writer's retry, harmless, and dropped here as in the folds. */
  readonly rawRepeats: number;
  /** Of stations of the fleet. */
  readonly unreadable: number;
}

export function sha256(bytes: Uint8Array): string {
  return hash("sha256", bytes, "hex");
}

/** What is looked at of a partition of one generation. */
export interface ScannedPartition {
  readonly topic: Topic;
  readonly partition: number;
  /** Exclusive. */
  readonly end: number;
}

/** @param parts the oldest generation first. @param each called once for each frame id of these stations, in log order. */
export async function scanFrames(
  log: EventLog,
  parts: readonly ScannedPartition[],
  stations: ReadonlySet<string>,
  each: (frame: LoggedFrame) => void,
): Promise<LogScan> {
  const scan = { records: 0, rawRepeats: 0, unreadable: 0 };
  for (const { topic, partition, end } of parts) {
    // A station is in one partition of a generation, and a connection in one generation: so are all its records.
    const seen = new Set<string>();
    for await (const { records } of log.read(topic, partition, firstOffsetOf(topic), end)) {
      for (const { offset, logTime, key, value } of records) {
        scan.records++;
        if (!stations.has(key.slice(key.indexOf("/") + 1))) continue;
        const record = decoded(value);
        if (!record) {
          scan.unreadable++;
          continue;
        }
        const id = frameId(record.source, record.sequence);
        if (seen.has(id)) scan.rawRepeats++;
        else each({ partition, offset, logTime, record });
        seen.add(id);
      }
    }
  }
  return scan;
}

function decoded(value: Uint8Array): FrameRecord | undefined {
  try {
    return decodeRecord(value);
  } catch (error) {
    if (error instanceof CorruptRecordError) return undefined;
    throw error;
  }
}
