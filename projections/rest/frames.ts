// The frames of one station out of the log, verbatim: found through the sparse index that the processor keeps, and
// beyond its position through the log itself.
import { logKey, type PartyId, type StationId } from "../../core/ids/ids.ts";
import { firstOffsetOf, offsetsPerGeneration, placesOf } from "../../core/log/generations.ts";
import type { LogRecord, Topic } from "../../core/log/log.ts";
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

interface Span {
  readonly first: number;
  /** Exclusive. */
  readonly end: number;
}

/** Of one generation of the log. */
interface Range extends Span {
  readonly topic: Topic;
  readonly partition: number;
}

export async function readFrames(needs: Needs, query: FrameQuery) {
  const { log } = needs;
  const key = logKey(query.party, query.station);
  const items: ReturnType<typeof showFrame>[] = [];
  let scanned = 0;
  for (const window of windows(await ranges(needs, query, key), query)) {
    if (scanned >= scannedPerPage) return { items, resume: query.order === "asc" ? window.first : window.end };
    scanned += window.end - window.first;
    const found: LogRecord[] = [];
    for await (const { records } of log.read(window.topic, window.partition, window.first, window.end)) {
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

/** Where frames of the station can be, in order of offset, not overlapping; none reaches over the end of a generation. */
async function ranges(needs: Needs, query: FrameQuery, key: string): Promise<Range[]> {
  const { log } = needs;
  const places = placesOf(log, key);
  const all = await spans(needs, query, places);
  const found: Range[] = [];
  for (const place of places) {
    const { topic, partition } = place;
    const begin = firstOffsetOf(topic);
    const past = begin + offsetsPerGeneration;
    if (!all.some(({ first, end }) => first < past && end > begin)) continue;
    const logEnd = await log.endOffset(topic, partition);
    for (const span of all) {
      const [first, end] = [Math.max(span.first, begin), Math.min(span.end, logEnd)];
      if (first < end) found.push({ ...place, first, end });
    }
  }
  return found;
}

/** By the index, and what is not folded yet. */
async function spans({ store }: Needs, query: FrameQuery, places: readonly Omit<Range, keyof Span>[]): Promise<Span[]> {
  const { rows, positions } = await store.snapshot(async (db) => ({
    rows: await db
      .selectFrom("live_frame_index")
      .select(["first_offset", "last_offset"])
      .where("party", "=", query.party)
      .where("station", "=", query.station)
      .where("hour", ">=", Math.floor(query.from / hourMs))
      .where("hour", "<=", Math.floor(query.to / hourMs))
      .orderBy("first_offset")
      .execute(),
    positions: await db
      .selectFrom("position")
      .select(["topic", "partition", "next"])
      .where("role", "=", "processor")
      .execute(),
  }));
  const all: Span[] = rows.map((row) => ({ first: row.first_offset, end: row.last_offset + 1 }));
  for (const { topic, partition } of places) {
    const folded = positions.find((row) => row.topic === topic.name && row.partition === partition)?.next;
    const begin = firstOffsetOf(topic);
    all.push({ first: folded ?? begin, end: begin + offsetsPerGeneration });
  }
  all.sort((a, b) => a.first - b.first);
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
    for (const range of all) {
      const { first, end } = range;
      for (let at = Math.max(first, resume ?? 0); at < end; at += windowRecords) {
        yield { ...range, first: at, end: Math.min(end, at + windowRecords) };
      }
    }
    return;
  }
  for (const range of all.toReversed()) {
    const { first, end } = range;
    for (let at = Math.min(end, resume ?? end); at > first; at -= windowRecords) {
      yield { ...range, first: Math.max(first, at - windowRecords), end: at };
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
    case "generationBegan":
      return { of: record.of };
    case "claimed":
    case "tick":
    case "nodeLost":
      return {};
  }
}
