// oxlint skips its type-aware rules in silence where it is not told to use types or its type engine is missing. So the
// linter that guards the tree is itself guarded: it must find planted mistakes, with the tree's own configuration.
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { ROOT } from "./sources.ts";

/** Each rule with the file that breaks it and nothing else that matters. */
const PLANTED: Readonly<Record<string, string>> = {
  "typescript(no-floating-promises)":
    'import { readFile } from "node:fs/promises";\nexport function a(): void {\n  readFile("x");\n}\n',
  "typescript(no-misused-promises)":
    'import { readFile } from "node:fs/promises";\nexport const a = (xs: string[]): void => xs.forEach(async (x) => void (await readFile(x)));\n',
  "typescript(await-thenable)": "export async function a(): Promise<number> {\n  return await 1;\n}\n",
  "typescript(no-explicit-any)": "export const a = (x: any): unknown => x;\n",
  "typescript(no-unsafe-return)": 'export const a = (): string => JSON.parse("1");\n',
  "typescript(switch-exhaustiveness-check)":
    'export function a(x: "p" | "q"): number {\n  let n = 0;\n  switch (x) {\n    case "p":\n      n = 1;\n  }\n  return n;\n}\n',
  "import(no-default-export)": "export default 1;\n",
  "import(no-cycle)": 'import { b } from "./cycle-partner.ts";\nexport const a = (): unknown => b;\n',
  "oxc(no-barrel-file)": 'export * from "./cycle-partner.ts";\n',
  "vitest(no-focused-tests)":
    'import { expect, test } from "vitest";\ntest.only("a", () => {\n  expect(1).toBe(1);\n});\n',
};

const fileNameOf = (rule: string): string =>
  rule.startsWith("vitest") ? "focused.test.ts" : `${rule.replace(/\W+/g, "-")}.ts`;

let folder: string;

beforeAll(() => {
  // A project of its own with the tree's configuration, word for word.
  folder = mkdtempSync(join(tmpdir(), "wattlog-lint-canary-"));
  for (const file of [".oxlintrc.json", "tsconfig.json", "package.json"])
    copyFileSync(join(ROOT, file), join(folder, file));
  symlinkSync(join(ROOT, "node_modules"), join(folder, "node_modules"));
  mkdirSync(join(folder, "core"));
  for (const [rule, text] of Object.entries(PLANTED)) plant(fileNameOf(rule), text);
  plant(
    "cycle-partner.ts",
    `import { a } from "./${fileNameOf("import(no-cycle)")}";\nexport const b = (): unknown => a;\n`,
  );
  plant("good.ts", "export const good = 1;\n");
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

function plant(name: string, text: string): void {
  writeFileSync(join(folder, "core", name), text);
}

function lint(file: string): { status: number | null; output: string } {
  const oxlint = join(ROOT, "node_modules", "oxlint", "bin", "oxlint");
  const args = [oxlint, "--deny-warnings", "-f", "unix", join("core", file)];
  const run = spawnSync(process.execPath, args, { cwd: folder, encoding: "utf8", timeout: 30_000 });
  return { status: run.status, output: run.stdout + run.stderr };
}

test.each(Object.keys(PLANTED))("the linter finds a planted %s", (rule) => {
  const { status, output } = lint(fileNameOf(rule));
  expect(output).toContain(rule);
  expect(status).toBe(1);
});

test("the linter leaves a good file alone, having read it", () => {
  const { status, output } = lint("good.ts");
  expect(output).not.toContain("No files found");
  expect(status).toBe(0);
});
