// docs/third-party-stations.md against the table that it is made from, the titles of the tests and the files that pin the kits.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

import { kits, kitsPage, page, rows, tests } from "../stations/kits-table.ts";
import { findings } from "../stations/ws-cli-findings.ts";
import { listSources, ROOT } from "./sources.ts";

const read = (file: string) => readFileSync(join(ROOT, file), "utf8");

test("docs/third-party-stations.md is what the table says (mend: node test/stations/kits-table.ts)", () => {
  expect(readFileSync(kitsPage, "utf8")).toBe(page());
});

test("each kit and feature has its tests or the reason why there is none", () => {
  const letters = Object.keys(tests);
  expect(rows.length).toBeGreaterThan(10);
  for (const { feature, cells } of rows) {
    expect([feature, cells.length]).toEqual([feature, kits.length]);
    const wrong = cells.filter(([named, note = ""]) =>
      named === "" ? note === "" : named.split(" ").some((letter) => !letters.includes(letter)),
    );
    expect([feature, wrong]).toEqual([feature, []]);
  }
  const named = new Set(rows.flatMap(({ cells }) => cells.flatMap(([shown]) => shown.split(" "))));
  expect(letters.filter((letter) => !named.has(letter))).toEqual([]);
});

test("every test of the table is where it says, every kit is pinned to its version, every finding has its test", () => {
  for (const [file, title] of Object.values(tests)) {
    expect([title, read(`test/stations/${file}`).includes(title)]).toEqual([title, true]);
  }
  for (const { pin } of kits) expect([pin[0], read(pin[0]).includes(pin[1])]).toEqual([pin[0], true]);
  const all = listSources().filter(({ path }) => path.endsWith(".test.ts"));
  for (const finding of findings) {
    expect([finding.test, all.some(({ text }) => text.includes(finding.test))]).toEqual([finding.test, true]);
  }
});
