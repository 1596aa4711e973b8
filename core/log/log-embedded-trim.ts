// Giving up the beginning of a topic (rule B2), a slice between two batches: rows are deleted from the front while every
// append in them lies before what its partition may give up. Their pages are used again; the file does not shrink.
import type { DatabaseSync } from "node:sqlite";

import { encodeEnds, headFrom, readTrimmed, tableOf } from "./log-embedded-files.ts";
import { baseOffsetAt, headWords } from "./log-embedded-format.ts";
import type { Topic } from "./log.ts";

/** Deleting a row touches its pages: some milliseconds, which the next batch waits. */
const sliceRows = 128;
const sliceBytes = 2 * 1024 * 1024;

/**
 * @param before by partition, what may be given up; one transaction
 * @param lastRow stays: its log time is the log's own (rule T1)
 * @returns whether there is more to do
 */
export function trimSlice(
  db: DatabaseSync,
  topic: Topic,
  before: ReadonlyMap<number, number>,
  lastRow: number,
): boolean {
  const { row: first, starts } = readTrimmed(db, topic) ?? { row: 0, starts: new Float64Array(topic.partitions) };
  let row = first;
  let [rows, bytes, held] = [0, 0, false];
  const heads = db.prepare(
    `select row, head, length(body) as bytes from ${tableOf(topic)} where row >= ? and row < ? order by row limit ?`,
  );
  for (const found of heads.iterate(first, lastRow, sliceRows)) {
    const head = headFrom(found["head"] as Uint8Array);
    held = !canGo(head, before);
    if (held || bytes >= sliceBytes) break;
    for (let word = 0; word < head.length; word += headWords) starts[head[word]!] = endOf(head, word);
    row = (found["row"] as number) + 1;
    bytes += found["bytes"] as number;
    rows++;
  }
  if (row === first) return false;
  db.exec("begin immediate");
  try {
    db.prepare(`delete from ${tableOf(topic)} where row < ?`).run(row);
    db.prepare("insert or replace into trimmed values (?, ?, ?)").run(topic.name, row, encodeEnds(starts));
    db.exec("commit");
  } catch (error) {
    db.exec("rollback");
    throw error;
  }
  return !held && (rows === sliceRows || bytes >= sliceBytes);
}

function canGo(head: Uint32Array, before: ReadonlyMap<number, number>): boolean {
  for (let word = 0; word < head.length; word += headWords) {
    if (endOf(head, word) > (before.get(head[word]!) ?? 0)) return false;
  }
  return true;
}

function endOf(head: Uint32Array, word: number): number {
  return baseOffsetAt(head, word) + head[word + 1]!;
}
