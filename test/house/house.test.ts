import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import {
  checkAdapterChoice,
  checkDefaultExports,
  checkFileLengths,
  checkLayers,
  checkPolls,
  checkReadmes,
  checkSingleFileClients,
  checkTestModifiers,
  checkUnfinished,
  type CheckResult,
} from "./checks.ts";
import { listSources, parse, PRODUCT_FOLDERS, ROOT } from "./sources.ts";

/** Files that are longer than the house allows, each with the reason that a reader would accept. */
const LONG_FILES: Readonly<Record<string, string>> = {};

const sources = listSources();
const parsed = sources.map(parse);

function expectClean({ checked, problems }: CheckResult): void {
  expect(problems).toEqual([]);
  expect(checked, "a check that looked at nothing").toBeGreaterThan(0);
}

test("the scanner sees every folder of the product that exists", () => {
  const folders = [...PRODUCT_FOLDERS, "bench", "test", "tools"].filter((folder) => existsSync(join(ROOT, folder)));
  const empty = folders.filter((folder) => !sources.some(({ path }) => path.startsWith(`${folder}/`)));
  expect(empty).toEqual([]);
  expect(folders).toContain("core");
});

test("core imports core; gateway, processors and projections import core; the fleet imports nothing of wattlog", () => {
  expectClean(checkLayers(parsed));
});

test("each third-party client is named in one product file", () => {
  expectClean(checkSingleFileClients(parsed));
});

test("only composition roots pick adapters", () => {
  expectClean(checkAdapterChoice(parsed));
});

test("there are no default exports", () => {
  expectClean(checkDefaultExports(parsed));
});

test("nothing is left unfinished in a comment", () => {
  expectClean(checkUnfinished(parsed));
});

test("no test is skipped or singled out in its source", () => {
  expectClean(checkTestModifiers(parsed));
});

test("tests that run at once do not poll with expect, which forgets now and then whose poll it is", () => {
  expectClean(checkPolls(sources));
});

test("no file is longer than a reader can hold", () => {
  expectClean(checkFileLengths(sources, LONG_FILES));
});

test("every room has a README", () => {
  const readme = (folder: string): string | undefined => {
    const file = join(ROOT, folder, "README.md");
    return existsSync(file) ? readFileSync(file, "utf8") : undefined;
  };
  expectClean(checkReadmes(sources, readme));
});
