import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

import type { Ends } from "./log-embedded-ends.ts";
import { openForReading, topicList } from "./log-embedded-files.ts";
import { LogReader } from "./log-embedded-reader.ts";
import { EmbeddedLogServer } from "./log-embedded-server.ts";
import { EmbeddedSubscription } from "./log-embedded-subscription.ts";
import { EmbeddedLog } from "./log-embedded.ts";
import { entry } from "./log.contract.ts";
import { makeTopics } from "./log.ts";

// Quirk: a consumer that read a commit before the writer announced it was told `log/out-of-range` and ended for good.
test("a consumer waits at the announced end, though the disk already holds more", async () => {
  const folder = mkdtempSync(join(tmpdir(), "wattlog-announced-"));
  const topics = makeTopics(1, 1);
  const server = await EmbeddedLogServer.start({ folder, topics });
  const log = EmbeddedLog.attach({ port: server.connect(), folder, topics });
  for (let i = 0; i < 10; i++) await log.append(topics.frames, 0, [entry("k", `${i}`)]);

  const announced = { end: 4, row: 3 };
  const looks = new Set<() => boolean>();
  const ends: Ends = {
    end: () => announced.end,
    lastRow: () => announced.row,
    whenGrown(_topicIndex, look) {
      looks.add(look);
      return () => looks.delete(look);
    },
    close() {},
  };
  const offsets: number[] = [];
  const reader = new LogReader(openForReading(folder), topicList(topics));
  const subscription = new EmbeddedSubscription({
    reader,
    ends,
    topic: topics.frames,
    topicIndex: 0,
    partition: 0,
    from: 0,
    handler: async ({ records }) => void offsets.push(...records.map(({ offset }) => offset)),
    maxRecords: 100,
    onEnd() {},
  });
  subscription.start();
  await expect.poll(() => looks.size).toBe(1);
  expect(offsets).toEqual([0, 1, 2, 3]);
  Object.assign(announced, { end: 10, row: 9 });
  for (const look of looks) look();
  await expect.poll(() => offsets.length).toBe(10);
  await subscription.stop();
  await subscription.done;
  expect(offsets).toEqual(Array.from({ length: 10 }, (_, i) => i));
  reader.close();
  await log.close();
  await server.close();
  rmSync(folder, { recursive: true });
});
