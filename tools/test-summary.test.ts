import { expect, test } from "vitest";
import {
  closingLine,
  judge,
  parseClosingLine,
  reasonsIn,
  sumOf,
  withSecondRun,
  worthASecondRun,
  type FileSummary,
  type Summary,
} from "./test-summary.ts";

const summary = (passed: number, failed = 0, skipped: Summary["skipped"] = []): Summary => ({
  passed,
  failed,
  skipped,
  adapters: [],
  failures: Array.from({ length: failed }, (_, i) => ({ name: `test ${i + 1}`, message: "expected" })),
});
const ofFile = (file: string | null, passed: number, failed = 0): FileSummary => ({ file, ...summary(passed, failed) });
const judged = (s: Summary, options = { strict: false, filtered: false }): ReturnType<typeof judge> =>
  judge([{ name: "unit", summary: s }], { ...options, required: {} });

test("all passed is green", () => {
  expect(judged(summary(3))).toEqual({ counts: { passed: 3, failed: 0, skipped: 0 }, problems: [], ok: true });
});

test("one failure is red", () => {
  expect(judged(summary(3, 1)).ok).toBe(false);
});

test("nothing passed is red, also where a filter matched nothing", () => {
  expect(judged(summary(0)).ok).toBe(false);
  expect(judged(summary(0, 0, [{ name: "a", reason: null }]), { strict: false, filtered: true }).ok).toBe(false);
});

test("a stage that ran nothing is red beside one that did, unless the run was narrowed by hand", () => {
  const stages = [
    { name: "unit", summary: summary(5) },
    { name: "system", summary: summary(0) },
  ];
  expect(judge(stages, { strict: false, filtered: false }).problems).toEqual(["the stage system ran no test"]);
  expect(judge(stages, { strict: false, filtered: true }).ok).toBe(true);
});

test("a missing server is a skip by hand and a failure in CI", () => {
  const withSkip = summary(2, 0, [{ name: "a", reason: "needs Kafka: apt-get install …" }]);
  expect(judged(withSkip)).toMatchObject({ ok: true, counts: { passed: 2, failed: 0, skipped: 1 } });
  const inCi = judged(withSkip, { strict: true, filtered: false });
  expect(inCi).toMatchObject({ ok: false, counts: { passed: 2, failed: 1, skipped: 0 } });
  expect(inCi.problems[0]).toContain("needs Kafka");
});

test("a skip without a reason is a failure; one with another reason is not", () => {
  expect(judged(summary(2, 0, [{ name: "a", reason: null }])).ok).toBe(false);
  expect(judged(summary(2, 0, [{ name: "a", reason: "not on macOS" }]), { strict: true, filtered: false }).ok).toBe(
    true,
  );
});

test("in CI a suite that has not passed on an adapter where it must run is red, by hand it is not", () => {
  const required = { "a contract": ["SQLite", "Postgres"] } as const;
  const ran = { suite: "a contract", adapter: "SQLite", passed: 3, failed: 0, skipped: 0 } as const;
  const stages = [{ name: "unit", summary: { ...summary(3), adapters: [ran] } }];
  expect(judge(stages, { strict: true, filtered: false, required })).toMatchObject({
    ok: false,
    counts: { passed: 3, failed: 1, skipped: 0 },
    problems: ["no test of a contract has passed on Postgres"],
  });
  expect(judge(stages, { strict: false, filtered: false, required }).ok).toBe(true);
  expect(judge(stages, { strict: true, filtered: true, required }).ok).toBe(true);
});

test("the closing line is read back from the end of a command's output", () => {
  const line = closingLine({ passed: 12, failed: 3, skipped: 1 });
  expect(line).toBe("12 passed, 3 failed, 1 skipped");
  expect(parseClosingLine(`1 passed, 0 failed\nnoise\n${line}\nmore noise\n`)).toEqual({
    passed: 12,
    failed: 3,
    skipped: 1,
  });
  expect(parseClosingLine("kit: 4 passed, 0 failed")).toEqual({ passed: 4, failed: 0, skipped: 0 });
  expect(parseClosingLine("all good")).toBeNull();
});

test("a suite that is a command tells in the summary why it failed, not only that it did", () => {
  const output = [
    "90 s  1.6: 200000/200000",
    "L4  FAILED  the tables against a rebuild of them",
    "      station_state differs from its rebuild: 3 rows",
    "problem: verify: ended with 1",
    "L4  FAILED  the tables against a rebuild of them",
    "8 passed, 1 failed, 0 skipped",
  ].join("\n");
  expect(reasonsIn(output).split("\n")).toEqual([
    "L4  FAILED  the tables against a rebuild of them",
    "station_state differs from its rebuild: 3 rows",
    "problem: verify: ended with 1",
  ]);
  expect(reasonsIn("one\n\ntwo\n")).toBe("one\ntwo");
});

test("a second run is for one or two files that failed, not for more, and not for errors without a file", () => {
  expect(worthASecondRun([ofFile("a", 3), ofFile("b", 1, 1)])).toEqual(["b"]);
  expect(worthASecondRun([ofFile("a", 3)])).toEqual([]);
  expect(worthASecondRun(["a", "b", "c"].map((file) => ofFile(file, 1, 1)))).toEqual([]);
  expect(worthASecondRun([ofFile("a", 1, 1), ofFile(null, 0, 1)])).toEqual([]);
});

test("what passes in its second run counts as passed and is named; what fails twice is red", () => {
  const first = [ofFile("a", 3), ofFile("b", 1, 1), ofFile("c", 2, 1)];
  const { files, unsteady } = withSecondRun(first, [ofFile("b", 2), ofFile("c", 2, 1)]);
  expect(sumOf(files)).toMatchObject({ passed: 7, failed: 1 });
  expect(unsteady).toEqual(first[1]!.failures);
});

test("a second run that says nothing of a file leaves its failure", () => {
  const { files, unsteady } = withSecondRun([ofFile("b", 1, 1)], [ofFile(null, 0, 1)]);
  expect(sumOf(files)).toMatchObject({ passed: 1, failed: 2 });
  expect(unsteady).toEqual([]);
});
