import { expect, test } from "vitest";

import { limits } from "../../../core/config/limits.ts";
import { FakeClock } from "../../../core/runtime/clock.ts";
import { LogWatch } from "./log-watch.ts";

const start = new Map([
  ["frames", "A"],
  ["events", "B"],
]);

/** @param answers of Kafka, one a look; undefined: it does not answer */
async function watch(answers: readonly (ReadonlyMap<string, string> | undefined)[]) {
  const clock = new FakeClock();
  const ended: string[] = [];
  const silences: (string | undefined)[] = [];
  let at = 0;
  const one = new LogWatch({
    ids: start,
    clock,
    fatal: (why) => ended.push(why),
    ask: async () => {
      const answer = answers[at++];
      if (!answer) throw new Error("no broker");
      return answer;
    },
  });
  one.start();
  for (let look = 0; look < answers.length; look++) {
    clock.advance(answers[look - 1] === undefined && look > 0 ? limits.logLookAgainMs : limits.logLookMs);
    await new Promise((resolve) => setTimeout(resolve, 2));
    silences.push(one.silence);
  }
  return { problem: one.problem, silences, ended, asked: at };
}

const untilSilent = Math.ceil(limits.logSilentMs / limits.logLookAgainMs) + 1;
const looksInVain = (count: number): undefined[] => Array.from({ length: count }, () => undefined);

test("the log of the start, and a Kafka that does not answer for a moment, are no news", async () => {
  const answers = [start, ...looksInVain(untilSilent - 1), start, ...looksInVain(untilSilent - 1), start];
  const { silences, ...rest } = await watch(answers);
  expect(rest).toEqual({ problem: undefined, ended: [], asked: answers.length });
  expect(silences.filter((silence) => silence !== undefined)).toEqual([]);
});

test("a Kafka that does not answer for longer is told, until its first answer", async () => {
  const { silences, ended } = await watch([start, ...looksInVain(untilSilent), start]);
  expect(silences.at(-2)).toBe("no broker");
  expect(silences.filter((silence) => silence !== undefined)).toHaveLength(1);
  expect(ended).toEqual([]);
});

test("a topic that was deleted is told, until it is there again", async () => {
  const without = new Map([["frames", "A"]]);
  expect((await watch([without])).problem).toMatch(/topic events was deleted/);
  expect((await watch([without, start])).problem).toBeUndefined();
});

test("a topic that was made anew under its name ends the process", async () => {
  const anew = new Map([...start, ["frames", "C"]]);
  expect((await watch([start, anew])).ended).toEqual([expect.stringMatching(/^frames was deleted and made anew/)]);
});
