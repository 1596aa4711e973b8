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
    clock.advance(limits.logLookMs);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
  return { problem: one.problem, ended, asked: at };
}

test("the log of the start, and a Kafka that does not answer, are no news", async () => {
  expect(await watch([start, undefined, start])).toEqual({ problem: undefined, ended: [], asked: 3 });
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
