// docs/correctness.md against the tests by the names of its rows, and the check against planted pages.
import { expect, test } from "vitest";

import { checkFaultMatrix, LONG_ONLY_ROWS, readMatrixPage, REQUIRED_ROWS, type MatrixRules } from "./fault-matrix.ts";
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
const long = "test/faults/matrix-long.test.ts";
const sourceOf = (titles: readonly string[], path = "test/faults/planted.test.ts") => ({
  path,
  text: titles.map((title) => `test("${title}", async () => {});`).join("\n"),
});
const bothOf = (titles: readonly string[]) => [sourceOf(titles), sourceOf(titles, long)];
const both = "`npm test`, `npm run full`";
const all = REQUIRED_ROWS.map((fault) => [fault, both] as const);
const [first, ...others] = REQUIRED_ROWS;
const planted = { open: [], longOnly: [] };
const problemsOf = (page: string, sources: ReturnType<typeof bothOf>, rules: MatrixRules = {}) =>
  checkFaultMatrix(page, sources, { ...planted, ...rules }).problems;

test("a page with every row and its tests is right", () => {
  expect(problemsOf(pageOf(all), bothOf(REQUIRED_ROWS))).toEqual([]);
});

test("a row without its quick test is told, and one without its long test", () => {
  const quickOnly = [sourceOf(REQUIRED_ROWS), sourceOf(others, long)];
  expect(problemsOf(pageOf(all), quickOnly)).toEqual([`no test of npm run full has this name: ${first}`]);
  const longOnly = [sourceOf(others), sourceOf(REQUIRED_ROWS, long)];
  expect(problemsOf(pageOf(all), longOnly)).toEqual([`no test of npm test has this name: ${first}`]);
});

test("a row has no quick form only where a list says so, and then the page says it too", () => {
  const sources = [sourceOf(others), sourceOf(REQUIRED_ROWS, long)];
  const page = pageOf(all.map(([fault, state], i) => [fault, i === 0 ? "`npm run full`" : state] as const));
  expect(problemsOf(page, sources, { longOnly: [first] })).toEqual([]);
  expect(problemsOf(page, sources)).toHaveLength(2);
  expect(problemsOf(pageOf(all), sources, { longOnly: [first] })).toHaveLength(1);
  for (const [fault, why] of Object.entries(LONG_ONLY_ROWS)) {
    expect(REQUIRED_ROWS).toContain(fault);
    expect(why.length).toBeGreaterThan(20);
  }
});

test("a fault that left the page is told, and a page without a table has checked nothing", () => {
  expect(problemsOf(pageOf(all.slice(1)), bothOf(REQUIRED_ROWS))).toEqual([`the page has no row, or two: ${first}`]);
  expect(checkFaultMatrix("# a page", bothOf(REQUIRED_ROWS)).checked).toBe(0);
});

test("a row may not become open by the page alone, nor be closed by it without a test", () => {
  const opened = all.map(([fault, state], i) => [fault, i === 0 ? "open" : state] as const);
  expect(problemsOf(pageOf(opened), bothOf(REQUIRED_ROWS))).toEqual([`open, and not known as such: ${first}`]);
  expect(problemsOf(pageOf(all), bothOf(others), { open: [first] })).toEqual([
    `no test of npm test has this name: ${first}`,
    `no test of npm run full has this name: ${first}`,
    `not open any more: ${first}`,
  ]);
});

test("in the end no row may be open", () => {
  const opened = all.map(([fault, state], i) => [fault, i === 0 ? "open" : state] as const);
  const given = { open: [first], final: true };
  expect(problemsOf(pageOf(opened), bothOf(REQUIRED_ROWS), given)).toEqual([`still open: ${first}`]);
});
