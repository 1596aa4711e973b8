// docs/correctness.md against the tests by the names of its rows, and the check against planted pages.
import { expect, test } from "vitest";

import { checkFaultMatrix, OPEN_ROWS, readMatrixPage, REQUIRED_ROWS } from "./fault-matrix.ts";
import { listSources } from "./sources.ts";

test("every row of the fault matrix is a test by its name, and no fault that must be there has gone", () => {
  const { checked, problems } = checkFaultMatrix(readMatrixPage(), listSources(["test"]));
  expect(problems).toEqual([]);
  expect(checked).toBeGreaterThanOrEqual(REQUIRED_ROWS.length);
});

const pageOf = (rows: readonly (readonly [fault: string, state: string])[]): string =>
  [
    "| fault | must hold | tested by |",
    "|---|---|---|",
    ...rows.map(([a, b]) => `| ${a} | all | ${b} |`),
    "",
    "end",
  ].join("\n");
const sourceOf = (titles: readonly string[], path = "test/faults/planted.test.ts") => ({
  path,
  text: titles.map((title) => `test("${title}", async () => {});`).join("\n"),
});
const all = REQUIRED_ROWS.map((fault) => [fault, OPEN_ROWS.includes(fault) ? "open" : "`npm test`"] as const);
const tested = REQUIRED_ROWS.filter((fault) => !OPEN_ROWS.includes(fault));
const problemsOf = (...given: Parameters<typeof checkFaultMatrix>) => checkFaultMatrix(...given).problems;

test("a page with every row and its tests is right", () => {
  expect(problemsOf(pageOf(all), [sourceOf(tested)])).toEqual([]);
});

test("a row without its test is told, also where its test is only in the long run", () => {
  const [first = "", ...others] = tested;
  expect(problemsOf(pageOf(all), [sourceOf(others)])).toEqual([`no test of npm test has this name: ${first}`]);
  const long = sourceOf([first], "test/faults/kafka-brokers.test.ts");
  expect(problemsOf(pageOf(all), [sourceOf(others), long])).toHaveLength(1);
});

test("a fault that left the page is told, and a page without a table has checked nothing", () => {
  expect(problemsOf(pageOf(all.slice(1)), [sourceOf(tested)])).toEqual([`the page has no row, or two: ${all[0]![0]}`]);
  expect(checkFaultMatrix("# a page", [sourceOf(tested)]).checked).toBe(0);
});

test("a row may not become open by the page alone, nor be closed by it without a test", () => {
  const opened = all.map(([fault, state], i) => [fault, i === 0 ? "open" : state] as const);
  expect(problemsOf(pageOf(opened), [sourceOf(tested)])).toEqual([`open, and not known as such: ${all[0]![0]}`]);
  const [first, ...others] = REQUIRED_ROWS;
  const closed = all.map(([fault]) => [fault, "npm test"] as const);
  expect(problemsOf(pageOf(closed), [sourceOf(others)], { open: [first] })).toEqual([
    `no test of npm test has this name: ${first}`,
    `not open any more: ${first}`,
  ]);
});

test("in the end no row may be open", () => {
  const opened = all.map(([fault, state], i) => [fault, i === 0 ? "open" : state] as const);
  const given = { open: [REQUIRED_ROWS[0]], final: true };
  expect(problemsOf(pageOf(opened), [sourceOf(tested)], given)).toEqual([`still open: ${REQUIRED_ROWS[0]}`]);
});
