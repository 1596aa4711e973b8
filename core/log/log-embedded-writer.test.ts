import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

import { SharedEnds, SharedStats } from "./log-embedded-shared.ts";
import { BatchBuilder, sizeBound } from "./log-embedded-format.ts";
import { LogWriter } from "./log-embedded-writer.ts";
import { makeTopics } from "./log.ts";

test("who waits for a receipt has it before followers are woken, and the new end is there for both", () => {
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
  });
  try {
    const entries = [{ key: "k", value: new Uint8Array([1]) }];
    const builder = new BatchBuilder((bytes) => new ArrayBuffer(Math.max(bytes, 1_024)));
    builder.add(1, entries, sizeBound(entries));
    writer.enqueue([builder.take(0)], { receipts: () => tell("receipt") });
    writer.writeBatch();
    expect(told).toEqual(["receipt at end 1", "followers at end 1"]);
  } finally {
    writer.close();
    rmSync(folder, { recursive: true });
  }
});
