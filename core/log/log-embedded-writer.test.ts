import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { expect, test } from "vitest";

import { logPath } from "./log-embedded-files.ts";
import { SharedEnds, SharedStats, type Outcome } from "./log-embedded-shared.ts";
import { BatchBuilder, sizeBound } from "./log-embedded-format.ts";
import { LogWriter } from "./log-embedded-writer.ts";
import { makeTopics } from "./log.ts";

test("who is named by an entry is told first, then the receipts leave, then followers are woken, and the new end is there for all", () => {
  const folder = mkdtempSync(join(tmpdir(), "wattlog-writer-"));
  const topics = makeTopics(1, 2);
  const ends = new SharedEnds(topics);
  const told: string[] = [];
  const tell = (what: string) => told.push(`${what} at end ${ends.end(0, 1)}`);
  const writer = new LogWriter({
    folder,
    topics,
    ends,
    stats: new SharedStats(),
    now: () => 1,
    onProblem: () => undefined,
    onGrowth: () => tell("followers"),
    onTell: ({ address, partition, offset }) => {
      tell(`${address}, of ${partition}/${offset},`);
      return true;
    },
  });
  try {
    const entries = [{ key: "k", value: new Uint8Array([1]), tell: "waiter" }];
    const builder = new BatchBuilder((bytes) => new ArrayBuffer(Math.max(bytes, 1_024)));
    builder.add(1, entries, sizeBound(entries));
    writer.enqueue([builder.take(0)], { receipts: () => tell("receipt") });
    writer.writeBatch();
    expect(told).toEqual(["waiter, of 1/0, at end 1", "receipt at end 1", "followers at end 1"]);
    // A batch that is not stored is told to nobody.
    told.length = 0;
    const other = new DatabaseSync(logPath(folder));
    other.exec('drop table "ocpp.frames.g1"');
    other.close();
    builder.add(1, entries, sizeBound(entries));
    const receipts = (_parts: unknown, outcome: Outcome) => {
      expect(outcome.told).toBe(false);
      tell(`failure ${outcome.failure?.includes("no such table")}`);
    };
    writer.enqueue([builder.take(0)], { receipts });
    writer.writeBatch();
    expect(told).toEqual(["failure true at end 1"]);
  } finally {
    writer.close();
    rmSync(folder, { recursive: true });
  }
});
