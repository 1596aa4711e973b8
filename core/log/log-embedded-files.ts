// log.db: where it lies, its tables, and how its ends are found again. The only file that names SQLite's pragmas
// for the log; every thread has a connection of its own, one of them writes.
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { messageOf, WattlogError } from "../runtime/errors.ts";
import { baseOffsetAt, headWords } from "./log-embedded-format.ts";
import type { Topic, Topics } from "./log.ts";

/** A checkpoint (the ends of every partition before a row) every so many rows: a search scans at most these heads. */
export const rowsPerCheckpoint = 1024;
/** Bodies are tens of kilobytes under load: larger pages mean fewer of them in a commit. */
const pageBytes = 8192;
const writerBusyMs = 5000;
const readerBusyMs = 10_000;

export interface TopicEnds {
  /** Row of the newest batch; -1: none. */
  lastRow: number;
  /** Log time of the newest batch; 0: none. */
  logTime: number;
  /** By partition: one past the newest offset. */
  readonly ends: Float64Array;
}

export function logPath(folder: string): string {
  return join(folder, "log.db");
}

export function topicList(topics: Topics): readonly Topic[] {
  return [topics.frames, topics.events, topics.registry];
}

export function tableOf(topic: Topic): string {
  return `"${topic.name.replaceAll('"', '""')}"`;
}

/**
 * Opens or makes log.db. The schema is one transaction, so a folder is never half made.
 * @throws WattlogError `config/invalid` when a topic lies there with another number of partitions.
 */
export function openForWriting(folder: string, topics: Topics): DatabaseSync {
  const db = new DatabaseSync(logPath(folder), { timeout: writerBusyMs });
  try {
    db.exec(`pragma page_size=${pageBytes}; pragma journal_mode=wal; pragma synchronous=full;
      pragma wal_autocheckpoint=0; pragma journal_size_limit=67108864; pragma temp_store=memory`);
    db.exec(`begin immediate;
      create table if not exists topic (name text primary key, kind text not null, generation integer not null,
        partitions integer not null) without rowid;
      create table if not exists checkpoint (topic text not null, row integer not null, ends blob not null,
        primary key (topic, row)) without rowid;
      create table if not exists trimmed (topic text primary key, row integer not null, starts blob not null)
        without rowid;`);
    for (const [kind, topic] of Object.entries(topics) as [keyof Topics, Topic][]) prepareTopic(db, kind, topic);
    db.exec("commit");
    return db;
  } catch (error) {
    db.close();
    throw damageOf(logPath(folder), error) ?? error;
  }
}

const damageCodes: ReadonlySet<unknown> = new Set([11, 26]);

/** The log is the truth: there is nothing to make it from again, so it is left as it is. */
export function damageOf(file: string, error: unknown): WattlogError | undefined {
  const code = (error as { errcode?: number } | null)?.errcode;
  if (code === undefined || !damageCodes.has(code & 0xff)) return undefined;
  const sentence =
    `${file} is damaged (${messageOf(error)}): put back a copy of the whole data folder, or save what can be ` +
    "read with SQLite's `.recover`. Nothing was changed.";
  return new WattlogError("log/unavailable", sentence, { cause: error });
}

function prepareTopic(db: DatabaseSync, kind: keyof Topics, topic: Topic): void {
  const known = db.prepare("select partitions from topic where name = ?").get(topic.name);
  if (known && known["partitions"] !== topic.partitions) {
    throw new WattlogError(
      "config/invalid",
      `The log holds ${topic.name} with ${String(known["partitions"])} partitions, the settings say ` +
        `${topic.partitions}; set the number back: it can only change with a new generation.`,
    );
  }
  if (known) return;
  db.prepare("insert into topic values (?, ?, ?, ?)").run(topic.name, kind, topic.generation, topic.partitions);
  db.exec(`create table if not exists ${tableOf(topic)} (row integer primary key, log_time integer not null,
    head blob not null, body blob not null)`);
}

/** @throws WattlogError `log/unavailable` when the folder holds no log that can be read. */
export function openForReading(folder: string): DatabaseSync {
  try {
    const db = new DatabaseSync(logPath(folder), { readOnly: true, timeout: readerBusyMs });
    // Opening touches nothing; this finds a missing or foreign file now, with a sentence.
    db.prepare("select count(*) from topic").get();
    return db;
  } catch (cause) {
    const damage = damageOf(logPath(folder), cause);
    if (damage) throw damage;
    const sentence = `${logPath(folder)} cannot be read: ${messageOf(cause)}. Check the data folder and who may read it.`;
    throw new WattlogError("log/unavailable", sentence, { cause });
  }
}

/** The topics of the newest generation that a folder holds. */
export function storedTopics(db: DatabaseSync, folder: string): Topics {
  const rows = db.prepare("select kind, name, generation, partitions from topic order by generation").all();
  const found: Partial<Record<keyof Topics, Topic>> = {};
  for (const row of rows) {
    found[row["kind"] as keyof Topics] = {
      name: row["name"] as string,
      generation: row["generation"] as number,
      partitions: row["partitions"] as number,
    };
  }
  const { frames, events, registry } = found;
  if (!frames || !events || !registry) {
    throw new WattlogError("log/unavailable", `${logPath(folder)} holds no topics; start wattlog on this folder once.`);
  }
  return { frames, events, registry };
}

/** Where a topic begins since its first rows were given up; undefined: nothing was. */
export interface Trimmed {
  /** The first row that is held. */
  readonly row: number;
  /** By partition: the first offset that is held. */
  readonly starts: Float64Array;
}

export function readTrimmed(db: DatabaseSync, topic: Topic): Trimmed | undefined {
  // A folder that no newer wattlog has started on has no such table.
  if (!db.prepare("select 1 from sqlite_master where name = 'trimmed'").get()) return undefined;
  const found = db.prepare("select row, starts from trimmed where topic = ?").get(topic.name);
  return found && { row: found["row"] as number, starts: decodeEnds(found["starts"] as Uint8Array) };
}

/** Finds the ends from the newest checkpoint and the heads after it. */
export function readEnds(db: DatabaseSync, topic: Topic): TopicEnds {
  const checkpoint = db
    .prepare("select row, ends from checkpoint where topic = ? order by row desc limit 1")
    .get(topic.name);
  const trimmed = readTrimmed(db, topic);
  const row = (checkpoint?.["row"] as number | undefined) ?? 0;
  const begin =
    trimmed && trimmed.row > row
      ? { row: trimmed.row, ends: trimmed.starts }
      : { row, ends: checkpoint ? decodeEnds(checkpoint["ends"] as Uint8Array) : new Float64Array(topic.partitions) };
  const state: TopicEnds = { lastRow: begin.row - 1, logTime: 0, ends: begin.ends };
  advanceEnds(db, topic, state);
  return state;
}

/** Brings `state` up to the newest row. @returns whether there was one. */
export function advanceEnds(db: DatabaseSync, topic: Topic, state: TopicEnds): boolean {
  const rows = db.prepare(`select row, log_time, head from ${tableOf(topic)} where row > ? order by row`);
  const before = state.lastRow;
  for (const row of rows.iterate(state.lastRow)) {
    const head = headFrom(row["head"] as Uint8Array);
    for (let word = 0; word < head.length; word += headWords) {
      state.ends[head[word]!] = baseOffsetAt(head, word) + head[word + 1]!;
    }
    state.lastRow = row["row"] as number;
    state.logTime = row["log_time"] as number;
  }
  return state.lastRow > before;
}

export function encodeEnds(ends: Float64Array): Uint8Array {
  return new Uint8Array(ends.slice().buffer);
}

export function decodeEnds(bytes: Uint8Array): Float64Array {
  return new Float64Array(bytes.slice().buffer);
}

/** SQLite gives bytes at any alignment; words need four. */
export function headFrom(bytes: Uint8Array): Uint32Array {
  const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Uint32Array(aligned.buffer, aligned.byteOffset, aligned.length >>> 2);
}
