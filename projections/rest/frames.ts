// The frames of one station out of the log, verbatim: found through the sparse index that the processor keeps, and
// beyond its position through the log itself.
import { logKey, type PartyId, type StationId } from "../../core/ids/ids.ts";
import type { LogRecord } from "../../core/log/log.ts";
import { partitionOf } from "../../core/log/partition.ts";
import { textWithoutSecrets } from "../../core/ocpp/secrets.ts";
import { decodeRecord } from "../../core/records/codec.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import { messageOf } from "../../core/runtime/errors.ts";
import type { ApiOptions } from "./context.ts";
import { time } from "./format.ts";

const hourMs = 3_600_000;
/** Records of other stations lie between: one request looks at so many, then hands out a cursor. */
const scannedPerPage = 20_000;
const windowRecords = 1_000;

export interface FrameQuery {
  readonly party: PartyId;
  readonly station: StationId;
  /** Log time, epoch ms: [from, to). */
  readonly from: number;
  readonly to: number;
  readonly order: "asc" | "desc";
  readonly limit: number;
  /** Offset to go on from: asc: first to look at; desc: first not to look at. */
  readonly resume: number | undefined;
}

/** Reads only: the command line has no more of a store. */
type Needs = Pick<ApiOptions, "log"> & { readonly store: Pick<ApiOptions["store"], "snapshot"> };

interface Range {
  readonly first: number;
  /** Exclusive. */
  readonly end: number;
}

export async function readFrames(needs: Needs, query: FrameQuery) {
  const { log } = needs;
  const key = logKey(query.party, query.station);
  const partition = partitionOf(key, log.topics.frames.partitions);
  const items: ReturnType<typeof showFrame>[] = [];
  let scanned = 0;
  for (const window of windows(await ranges(needs, query, partition), query)) {
    if (scanned >= scannedPerPage) return { items, resume: query.order === "asc" ? window.first : window.end };
    scanned += window.end - window.first;
    const found: LogRecord[] = [];
    for await (const { records } of log.read(log.topics.frames, partition, window.first, window.end)) {
      for (const record of records) {
        if (record.key === key && record.logTime >= query.from && record.logTime < query.to) found.push(record);
      }
    }
    if (query.order === "desc") found.reverse();
    for (const record of found) {
      if (items.length === query.limit) {
        return { items, resume: query.order === "asc" ? record.offset : record.offset + 1 };
      }
      items.push(showFrame(record));
    }
  }
  return { items, resume: undefined };
}

/** Where frames of the station can be, in order of offset, not overlapping. */
async function ranges(needs: Needs, query: FrameQuery, partition: number): Promise<Range[]> {
  const { log, store } = needs;
  const topic = log.topics.frames;
  const { rows, folded } = await store.snapshot(async (db) => ({
    rows: await db
      .selectFrom("live_frame_index")
      .select(["first_offset", "last_offset"])
      .where("party", "=", query.party)
      .where("station", "=", query.station)
      .where("hour", ">=", Math.floor(query.from / hourMs))
      .where("hour", "<=", Math.floor(query.to / hourMs))
      .orderBy("first_offset")
      .execute(),
    folded: await db
      .selectFrom("position")
      .select("next")
      .where("role", "=", "processor")
      .where("topic", "=", topic.name)
      .where("partition", "=", partition)
      .executeTakeFirst(),
  }));
  const all = rows.map((row) => ({ first: row.first_offset, end: row.last_offset + 1 }));
  all.push({ first: folded?.next ?? 0, end: await log.endOffset(topic, partition) });
  const merged: { first: number; end: number }[] = [];
  for (const range of all) {
    const last = merged.at(-1);
    if (last && range.first <= last.end) last.end = Math.max(last.end, range.end);
    else if (range.first < range.end) merged.push({ ...range });
  }
  return merged;
}

function* windows(all: readonly Range[], { order, resume }: FrameQuery): Generator<Range> {
  if (order === "asc") {
    for (const { first, end } of all) {
      for (let at = Math.max(first, resume ?? 0); at < end; at += windowRecords) {
        yield { first: at, end: Math.min(end, at + windowRecords) };
      }
    }
    return;
  }
  for (const { first, end } of all.toReversed()) {
    for (let at = Math.min(end, resume ?? end); at > first; at -= windowRecords) {
      yield { first: Math.max(first, at - windowRecords), end: at };
    }
  }
}

const utf8 = new TextDecoder("utf-8");

function shown(bytes: Uint8Array): string {
  return textWithoutSecrets(utf8.decode(bytes));
}

/** `frame` and `answer` are the very text that went over the wire, but for secrets. */
export function showFrame({ offset, logTime, value }: LogRecord) {
  let record: FrameRecord;
  try {
    record = decodeRecord(value);
  } catch (error) {
    const bytesBase64 = Buffer.from(value).toString("base64");
    return { offset, time: time(logTime), kind: "unreadable", reason: messageOf(error), bytesBase64 };
  }
  const common = {
    offset,
    time: time(logTime),
    arrivedAt: time(record.arrivedAt),
    kind: record.kind,
    source: record.source,
  };
  return { ...common, sequence: record.sequence, ...details(record) };
}

function details(record: FrameRecord): Readonly<Record<string, unknown>> {
  switch (record.kind) {
    case "exchange":
      return {
        direction: "fromStation",
        protocol: record.protocol,
        action: record.action,
        messageId: record.messageId,
        frame: shown(record.call),
        answer: record.answer && utf8.decode(record.answer),
        annotations: record.annotations,
      };
    case "commandRequested":
      return {
        direction: "toStation",
        protocol: record.protocol,
        action: record.action,
        messageId: record.commandId,
        frame: `[2,${JSON.stringify(record.commandId)},${JSON.stringify(record.action)},${shown(record.payload)}]`,
        origin: record.origin,
      };
    case "commandResult":
      return { direction: "fromStation", messageId: record.commandId, frame: shown(record.frame) };
    case "quarantined":
      return {
        direction: "fromStation",
        protocol: record.protocol,
        reason: record.reason,
        frame: utf8.decode(record.bytes),
        bytesBase64: Buffer.from(record.bytes).toString("base64"),
        answer: record.answer && utf8.decode(record.answer),
      };
    case "connected":
      return {
        protocol: record.protocol,
        nodeId: record.nodeId,
        securityProfile: record.securityProfile,
        remoteAddress: record.remoteAddress,
      };
    case "disconnected":
      return { code: record.code, reason: record.reason };
    case "commandSent":
    case "commandBound":
      return { messageId: record.commandId };
    case "commandEnded":
      return { messageId: record.commandId, outcome: record.outcome };
    case "redrive":
    case "release":
      return { quarantineId: record.quarantineId, actor: record.actor };
    case "cdrReview": {
      const { of, action, cdr, values, actor, why } = record;
      return { of, action, cdrId: cdr["id"], values, actor, why };
    }
    case "claimed":
    case "tick":
    case "nodeLost":
      return {};
  }
}
