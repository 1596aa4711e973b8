// docs/wire-checklist.md against the titles of the tests, both ways.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { listSources, ROOT } from "./sources.ts";

const inCode = listSources()
  .filter(({ path }) => path.endsWith(".test.ts") && !path.startsWith("test/house/"))
  .flatMap(({ text }) => [...text.matchAll(/(["'`])wire: ((?:(?!\1).)+)\1,/g)].map((match) => match[2]!));

/** Each row of the table: the line of the checklist, and the titles that show it. */
const rows = readFileSync(join(ROOT, "docs/wire-checklist.md"), "utf8")
  .split("\n")
  .filter((row) => row.startsWith("| ") && !row.startsWith("| line |"))
  .map((row) => row.split("|"))
  .map(([, line = "", tests = ""]) => ({ line, titles: [...tests.matchAll(/`([^`]+)`/g)].map((match) => match[1]!) }));

test("every line of the wire checklist names tests that exist", () => {
  expect(rows.length).toBeGreaterThan(50);
  expect(rows.filter(({ titles }) => titles.length === 0)).toEqual([]);
  expect(rows.flatMap(({ titles }) => titles).filter((title) => !inCode.includes(title))).toEqual([]);
});

test("every test of the wire checklist stands in it, and no two have the same title", () => {
  const named = new Set(rows.flatMap(({ titles }) => titles));
  expect(inCode.length).toBeGreaterThan(50);
  expect(inCode.filter((title) => !named.has(title))).toEqual([]);
  expect(inCode.filter((title, at) => inCode.indexOf(title) !== at)).toEqual([]);
});
