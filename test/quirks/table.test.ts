// The table in README.md names what shows each quirk: whoever renames or removes such a test is told here.
import { existsSync, globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

import { projectRoot } from "../harness/paths.ts";

const quirkCount = 21;
const rowPattern = /^\| (\d+) [^|]+ \| (\S+\.test\.ts) \| (.+) \|$/gm;
const namePattern = /["`]([^"`\n]*\bquirks? (\d+)[^"`\n]*)["`]/g;

const read = (path: string): string => readFileSync(join(projectRoot, path), "utf8");
const rows = [...read("test/quirks/README.md").matchAll(rowPattern)].map(([, quirk, file, name]) => ({
  quirk: Number(quirk),
  file: file!,
  name: name!,
}));

test("every quirk has a test, and every test that the table names exists", () => {
  const numbers = [...new Set(rows.map(({ quirk }) => quirk))].toSorted((a, b) => a - b);
  expect(numbers).toEqual(Array.from({ length: quirkCount }, (_, index) => index + 1));
  const gone = rows.filter(({ file, name }) => !existsSync(join(projectRoot, file)) || !read(file).includes(name));
  expect(gone).toEqual([]);
});

test("every test whose name has a quirk's number is in the table", () => {
  const files = globSync("{core,gateway,processors,projections}/**/*.test.ts", { cwd: projectRoot });
  const named = files.flatMap((file) =>
    [...read(file).matchAll(namePattern)].map(([, name]) => ({ file, name: name! })),
  );
  expect(named.length).toBeGreaterThan(quirkCount);
  const missing = named.filter(({ file, name }) => !rows.some((row) => row.file === file && row.name === name));
  expect(missing).toEqual([]);
});
