// docs/ocpi-must.md: a row for each sentence, and for each row that is met a test that is there.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

import { listSources, ROOT } from "./sources.ts";

/** Sentences with MUST, SHALL or REQUIRED of OCPI 2.2.1-d2, by file. */
const sentences = {
  transport_and_format: 19,
  status_codes: 4,
  version_information_endpoint: 2,
  credentials: 8,
  mod_locations: 18,
  mod_sessions: 17,
  mod_cdrs: 14,
  mod_tariffs: 12,
  mod_tokens: 10,
  mod_commands: 15,
  mod_charging_profiles: 10,
  types: 1,
  terminology: 2,
};
const states = ["met", "open", "operator", "others", "definition"] as const;

interface Row {
  readonly file: string;
  readonly state: string;
  readonly shown: string;
}

const page = readFileSync(join(ROOT, "docs/ocpi-must.md"), "utf8");
const tests = new Map(listSources().map(({ path, text }) => [path, text]));

function rowsOf(text: string): readonly Row[] {
  return text.split("\n## ").flatMap((chapter) => {
    const file = /`(\w+)\.asciidoc`/.exec(chapter)?.[1] ?? "";
    return [...chapter.matchAll(/^\| \d+ \| [^|]+ \| (\w+) \| (.+) \|$/gm)].map(([, state = "", shown = ""]) => ({
      file,
      state,
      shown,
    }));
  });
}

/** What a row names and is not there, or does not name and should. */
function faultsOf({ state, shown }: Row, texts: ReadonlyMap<string, string>): readonly string[] {
  const named = [...shown.matchAll(/`([^`]+)` "([^"]+)"/g)].map(([, path = "", title = ""]) => ({ path, title }));
  const missing = named.filter(({ path, title }) => !isTest(texts.get(path) ?? "", title));
  const reason = shown.split(/;? ?`/)[0]!.trim();
  return [
    ...missing.map(({ path, title }) => `${path} has no test "${title}"`),
    ...(state === "met" && named.length === 0 ? [`met, and no test is named: ${shown}`] : []),
    ...(state !== "met" && reason.length < 8 ? [`${state}, and no reason is given: ${shown}`] : []),
    ...(states.some((known) => known === state) ? [] : [`${state} is no state`]),
  ];
}

function isTest(text: string, title: string): boolean {
  const quoted = title.replaceAll(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`\\(\\s*"${quoted}"`).test(text);
}

test("every sentence of OCPI that requires has its row", () => {
  const counted = Map.groupBy(rowsOf(page), ({ file }) => file);
  expect(Object.fromEntries([...counted].map(([file, rows]) => [file, rows.length]))).toEqual(sentences);
});

test("what is met names tests that are there, and what is not says why", () => {
  expect(rowsOf(page).flatMap((row) => faultsOf(row, tests))).toEqual([]);
  const counts = states.map((state) => `${rowsOf(page).filter((row) => row.state === state).length} ${state}`);
  expect(page).toContain(`${counts.join(", ")}.`);
});

test("a row without a test, without a reason, of an unknown state or of a test that is gone is found", () => {
  const texts = new Map([["a.test.ts", 'it("one", () => {});']]);
  const faults = (state: string, shown: string) => faultsOf({ file: "x", state, shown }, texts).length;
  expect(faults("met", '`a.test.ts` "one"')).toBe(0);
  expect(faults("met", '`a.test.ts` "two"')).toBe(1);
  expect(faults("met", '`b.test.ts` "one"')).toBe(1);
  expect(faults("met", "surely")).toBe(1);
  expect(faults("open", '`a.test.ts` "one"')).toBe(1);
  expect(faults("open", "not served yet")).toBe(0);
  expect(faults("perhaps", "not served yet")).toBe(1);
});
