// The records of a station among which a session's are, found by the frame index, out of log and archive.
import { frameId, logKey, sessionIdOf, trusted } from "../../core/ids/ids.ts";
import { spansOf } from "../../core/log/generations.ts";
import type { EventLog, Topic } from "../../core/log/log.ts";
import type { Store } from "../../core/store/store.ts";
import type { FrameIndexRow, SessionRow } from "../../core/store/tables.ts";
import { itemOf, type Item } from "../engine/record.ts";

const hourMs = 3_600_000;
/** Of the station, looked at before the hour of the session's first reading: nearly always its first record is there. */
const hoursBack = 24;

export interface Sources {
  readonly log: EventLog;
  /** Reads only. */
  readonly store: Pick<Store, "reader">;
}

export interface Found {
  /** Of the session's first record. */
  readonly topic: Topic;
  readonly partition: number;
  /** Of the station, in order; the session's first is among them. */
  readonly items: readonly Item[];
  /** Offset of the session's first record. */
  readonly first: number;
}

type Hour = Pick<FrameIndexRow, "hour" | "first_offset" | "last_offset">;

/**
 * @returns undefined where no record has the session's id (rule I6).
 * @throws WattlogError `log/out-of-range` where the log has given them up and no archive has them.
 */
export async function findRecords(sources: Sources, session: SessionRow): Promise<Found | undefined> {
  const { store } = sources;
  const from = await hourOfFirstReading(store, session);
  // What comes after a session's last change says nothing new about it.
  const last = session.status === "active" ? undefined : Math.floor(session.last_updated / hourMs);
  const hours = await hoursOf(store, session, { from, ...(last === undefined ? {} : { last }) });
  let items = await itemsIn(sources, session, hours);
  let before = from;
  for (;;) {
    const first = firstOf(items, session);
    if (first !== undefined) return { items, first, ...placeOf(sources.log, session, first) };
    const earlier = await hoursOf(store, session, { before, atMost: hoursBack });
    if (earlier.length === 0) return undefined;
    before = earlier[0]!.hour;
    items = [...(await itemsIn(sources, session, earlier)), ...items];
  }
}

/** The same, and before it everything that the station ever said. */
export async function findAll(sources: Sources, session: SessionRow, found: Found): Promise<Found> {
  const offset = found.items[0]!.log.offset;
  const hours = await hoursOf(sources.store, session, {});
  const earlier = hours.filter((hour) => hour.first_offset < offset);
  const items = await itemsIn(sources, session, earlier);
  return { ...found, items: [...items.filter(({ log }) => log.offset < offset), ...found.items] };
}

async function hourOfFirstReading(store: Sources["store"], session: SessionRow): Promise<number> {
  const row = await store.reader
    .selectFrom("live_reading")
    .select("log_time")
    .where("session_id", "=", session.id)
    .orderBy("record_offset")
    .limit(1)
    .executeTakeFirst();
  return Math.floor((row?.log_time ?? session.last_updated) / hourMs);
}

interface Hours {
  readonly from?: number;
  readonly last?: number;
  readonly before?: number;
  /** Of the latest. */
  readonly atMost?: number;
}

async function hoursOf(store: Sources["store"], session: SessionRow, wanted: Hours): Promise<Hour[]> {
  let rows = store.reader
    .selectFrom("live_frame_index")
    .select(["hour", "first_offset", "last_offset"])
    .where("party", "=", session.party)
    .where("station", "=", session.station)
    .orderBy("hour", "desc");
  if (wanted.from !== undefined) rows = rows.where("hour", ">=", wanted.from);
  if (wanted.last !== undefined) rows = rows.where("hour", "<=", wanted.last);
  if (wanted.before !== undefined) rows = rows.where("hour", "<", wanted.before);
  if (wanted.atMost !== undefined) rows = rows.limit(wanted.atMost);
  const found = await rows.execute();
  return found.reverse();
}

async function itemsIn({ log }: Sources, { party, station }: SessionRow, hours: readonly Hour[]): Promise<Item[]> {
  const key = logKey(trusted.party(party), trusted.station(station));
  const items: Item[] = [];
  // Each generation of the log has a partition of its own for the station (rule B4).
  const spans = hours.flatMap((hour) => spansOf(log, key, hour.first_offset, hour.last_offset + 1));
  for (const { topic, partition, first, end } of spans) {
    for await (const { records } of log.read(topic, partition, first, end)) {
      for (const record of records) {
        if (record.key !== key) continue;
        const item = itemOf(record);
        // Written by a newer wattlog: the fold has stopped before it.
        if (!(item instanceof Error)) items.push(item);
      }
    }
  }
  return items;
}

function placeOf(log: EventLog, { party, station }: SessionRow, offset: number) {
  const key = logKey(trusted.party(party), trusted.station(station));
  const { topic, partition } = spansOf(log, key, offset, offset + 1)[0]!;
  return { topic, partition };
}

function firstOf(items: readonly Item[], { id, party, station }: SessionRow): number | undefined {
  const [of, at] = [trusted.party(party), trusted.station(station)];
  const first = items.find(
    ({ record }) => record && sessionIdOf(of, at, frameId(record.source, record.sequence)) === id,
  );
  return first?.log.offset;
}
