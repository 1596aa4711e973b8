import * as fc from "fast-check";
import { expect, test } from "vitest";
import { createMetrics } from "./metrics.ts";

const buckets = (text: string, name: string): string[] =>
  text
    .split("\n")
    .filter((line) => line.includes(name))
    .map((line) => line.replaceAll(name, "NAME"))
    .filter((line) => !line.startsWith("# HELP"));

test("it is scraped as the client's own histogram with the same values is", async () => {
  const value = fc.oneof(fc.double({ min: 0, max: 20, noNaN: true }), fc.constantFrom(0, 0.0005, 0.001, 2.5, 10));
  await fc.assert(
    fc.asyncProperty(fc.array(value, { minLength: 1, maxLength: 50 }), async (values) => {
      const metrics = createMetrics();
      for (const seconds of values) {
        metrics.answerSeconds.observe(seconds);
        metrics.commandSeconds.observe(seconds);
      }
      const text = await metrics.registry.metrics();
      const mine = buckets(text, "ocpp_frame_answer_duration_seconds");
      expect(mine).toHaveLength(18);
      expect(mine).toEqual(buckets(text, "ocpp_command_duration_seconds"));
    }),
    { numRuns: 50 },
  );
});

test("before the first value all is zero", async () => {
  const text = await createMetrics().registry.metrics();
  expect(buckets(text, "ocpp_frame_answer_duration_seconds")).toEqual(buckets(text, "ocpp_command_duration_seconds"));
});
