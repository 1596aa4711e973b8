import { existsSync, readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

import { asked, coverage, coveragePage } from "./coverage.ts";
import { ocpiRoutes } from "./routes.ts";
import { servedVersions } from "./served.ts";

const folder = fileURLToPath(new URL("./", import.meta.url));

test("docs/ocpi-coverage.md is what the table says (mend: node projections/ocpi/coverage.ts)", () => {
  expect(readFileSync(coveragePage, "utf8")).toBe(coverage());
});

test.each(asked)("%s, %s: its test is in %s", (_call, _when, file, title) => {
  expect(readFileSync(folder + file, "utf8")).toMatch(new RegExp(`(it|test)\\("${title}"`));
});

test("each endpoint's handler and test are where the table says, and each module that is told has an endpoint", () => {
  const tests = readdirSync(folder)
    .filter((name) => name.endsWith(".test.ts"))
    .map((name) => readFileSync(folder + name, "utf8"));
  expect(ocpiRoutes.length).toBeGreaterThan(15);
  for (const { method, path, file, test: title, handle } of ocpiRoutes) {
    const at = `${method} ${path}`;
    expect([at, existsSync(folder + file)]).toEqual([at, true]);
    // A handler that is made for a version has no name of its own: every text has the empty one.
    expect([at, readFileSync(folder + file, "utf8").includes(handle.name)]).toEqual([at, true]);
    expect([at, title, tests.some((text) => text.includes(`it("${title}"`))]).toEqual([at, title, true]);
  }
  for (const { version, modules } of servedVersions) {
    for (const { identifier } of modules) {
      const found = ocpiRoutes.filter((route) => route.version === version && route.module === identifier);
      expect([identifier, found.length > 0]).toEqual([identifier, true]);
    }
  }
});
