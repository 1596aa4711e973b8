// A record of the log as the engine sees it: decoded, or known to be none.
import type { LogRecord } from "../../core/log/log.ts";
import { CorruptRecordError, decodeRecord, UnknownRecordError } from "../../core/records/codec.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";

export type Item =
  | { readonly log: LogRecord; readonly record: FrameRecord; readonly corrupt: null }
  | { readonly log: LogRecord; readonly record: null; readonly corrupt: CorruptRecordError };

/** @returns undefined where a newer process wrote it (rule F8). */
export function itemOf(log: LogRecord): Item | UnknownRecordError {
  try {
    return { log, record: decodeRecord(log.value), corrupt: null };
  } catch (error) {
    if (error instanceof UnknownRecordError) return error;
    if (error instanceof CorruptRecordError) return { log, record: null, corrupt: error };
    throw error;
  }
}

/** Of a record that cannot be decoded, the key still tells whose it is: `party/station`. */
export function stationOfKey(key: string): { readonly party: string; readonly station: string } {
  const slash = key.indexOf("/");
  return slash < 0 ? { party: "", station: key } : { party: key.slice(0, slash), station: key.slice(slash + 1) };
}

/** Whether it needs what is in the tables as of the record before it: it begins a batch of its own. */
export function beginsBatch(item: Item): boolean {
  const kind = item.record?.kind;
  return kind === "nodeLost" || kind === "redrive" || kind === "release";
}
