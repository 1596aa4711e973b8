import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

import { documentCollections } from "../../projections/rest/document-collections.ts";
import { toCsms, toStation } from "./effects.ts";
import { coverageFile, page, rows } from "./page.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const sources = (pattern: string) =>
  globSync(pattern, { cwd: root, exclude: (name) => name.includes("node_modules") || name.startsWith("build") })
    .map((file) => readFileSync(`${root}/${file}`, "utf8"))
    .join("\n");

const all = [...rows("toCsms"), ...rows("toStation")];

test("docs/ocpp-coverage.md is what the tables say (mend: node tools/coverage/page.ts)", () => {
  expect(readFileSync(coverageFile, "utf8")).toBe(page());
});

test("every action of 1.6, 2.0.1 and 2.1 has an effect, in both directions", () => {
  const missing = all
    .filter(({ effect }) => !effect)
    .map(({ action, protocols }) => `${protocols.join(" ")} ${action}`);
  expect(missing).toEqual([]);
  const count = (list: ReturnType<typeof rows>, protocol: "ocpp1.6" | "ocpp2.0.1" | "ocpp2.1") =>
    new Set(list.filter(({ protocols }) => protocols.includes(protocol)).map(({ action }) => action)).size;
  // ocpp.md: 10 + 4 and 19 + 7 actions of 1.6, 25 and 40 of 2.0.1, 12 and 15 more of 2.1.
  expect([count(rows("toCsms"), "ocpp1.6"), count(rows("toStation"), "ocpp1.6")]).toEqual([14, 26]);
  expect([count(rows("toCsms"), "ocpp2.0.1"), count(rows("toStation"), "ocpp2.0.1")]).toEqual([25, 40]);
  expect([count(rows("toCsms"), "ocpp2.1"), count(rows("toStation"), "ocpp2.1")]).toEqual([37, 55]);
});

test("no line of the table is of an action that nobody has", () => {
  const known = new Set(all.flatMap(({ action, protocols }) => [action, ...protocols.map((p) => `${p}/${action}`)]));
  expect([...Object.keys(toCsms), ...Object.keys(toStation)].filter((key) => !known.has(key))).toEqual([]);
});

test("every route is one of the API, and every test is there", () => {
  const routes = sources("projections/rest/*.ts");
  const paths = new Set(Object.values(documentCollections).map(({ path }) => `GET /api/v1/stations/{id}/${path}`));
  const tests = sources("{core,gateway,processors,projections,test}/**/*.test.ts");
  for (const { action, effect } of all) {
    const [, path = ""] = effect!.route.split(" ");
    const inCode = path.replaceAll(/\{(\w+)\}/g, ":$1");
    expect(paths.has(effect!.route) || routes.includes(`"${inCode}"`), `${action}: ${effect!.route}`).toBe(true);
    expect(tests.includes(effect!.test), `${action}: a test "${effect!.test}"`).toBe(true);
  }
});
