import { expect, test } from "vitest";

import { makeTopics, type EventLog, type Receipt } from "../../../core/log/log.ts";
import { FakeClock } from "../../../core/runtime/clock.ts";
import { isWattlogError, WattlogError } from "../../../core/runtime/errors.ts";
import { silentLogger } from "../../../core/runtime/logger.ts";
import { FencedLog } from "./fenced-log.ts";
import { GenerationWatch } from "./generation-watch.ts";

const everyMs = 10_000;
const topics = makeTopics(1, 1);

function watching() {
  const clock = new FakeClock(0);
  const seen = { open: 1 as number | undefined, asked: 0, moved: [] as string[] };
  const watch = new GenerationWatch({
    clock,
    logger: silentLogger(),
    mine: 1,
    everyMs,
    ask: () => Promise.resolve((seen.asked++, seen.open)),
    moved: (why) => seen.moved.push(why),
  });
  watch.start();
  const pass = async (ms: number) => {
    for (let at = 0; at < ms; at += 500) {
      clock.advance(500);
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { watch, seen, pass };
}

/** A log whose next appends end so. */
function appending(outcome: () => Promise<Receipt>): { readonly log: EventLog; readonly sent: () => number } {
  let sent = 0;
  const log = { topics, append: () => (sent++, outcome()) } as unknown as EventLog;
  return { log, sent: () => sent };
}

const entries = [{ key: "k", value: new Uint8Array(1) }];

test("B4: a role that was refused nothing asks seldom, and begins again where another generation is open", async () => {
  const { watch, seen, pass } = watching();
  await pass(30_000);
  expect(seen.asked).toBeLessThanOrEqual(4);
  expect([seen.moved, watch.isOver]).toEqual([[], false]);
  seen.open = 2;
  await pass(11_000);
  expect([seen.moved[0], watch.isOver]).toEqual(["generation 2 of the log has begun", true]);
  await watch.stop();
});

test("B4: a writer that is refused asks at once and again, waits while none is open, and sends nothing more once one is", async () => {
  const { watch, seen, pass } = watching();
  const ended = new WattlogError("log/ended", "it takes no records any more");
  const { log, sent } = appending(() => Promise.reject(ended));
  const fenced = new FencedLog(log, watch);
  await pass(1_000);
  seen.open = undefined;
  await expect(fenced.append(topics.frames, 0, entries)).rejects.toBe(ended);
  const before = seen.asked;
  await pass(3_000);
  expect(seen.asked - before).toBeGreaterThan(3);
  expect([seen.moved, watch.isOver]).toEqual([[], false]);
  seen.open = 2;
  await pass(1_000);
  expect(watch.isOver).toBe(true);
  const late = fenced.append(topics.frames, 0, entries);
  await expect(late).rejects.toSatisfy((error) => isWattlogError(error, "log/ended"));
  expect(sent()).toBe(1);
  await watch.stop();
});

test("other failures of the log are no fence", async () => {
  const { watch, seen, pass } = watching();
  const { log } = appending(() => Promise.reject(new WattlogError("log/unavailable", "away")));
  await pass(1_000);
  const before = seen.asked;
  await expect(new FencedLog(log, watch).append(topics.frames, 0, entries)).rejects.toThrow("away");
  await pass(5_000);
  expect(seen.asked - before).toBe(0);
  await watch.stop();
});
