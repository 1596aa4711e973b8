import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

import { atLeast, atMost } from "./report.ts";

const program = fileURLToPath(new URL("bench.ts", import.meta.url));

test.each([
  [[], "Name one benchmark"],
  [["speed"], "There is no benchmark speed"],
  [["ingest", "--fast"], "--fast"],
  [["ingest", "--cluster"], "ingest has no such form"],
  [["speed", "--cluster"], "There is no benchmark speed"],
])("wrong use ends with exit code 2 and one sentence: %j", (args, sentence) => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...args], { encoding: "utf8" });
  expect(status).toBe(2);
  expect(stdout).toBe("");
  expect(stderr).toContain(sentence);
});

test("a goal is met at its bound, from above or from below", () => {
  expect(atLeast("share", 0.6, 0.6, "ratio", []).ok).toBe(true);
  expect(atLeast("share", 0.6, 0.59, "ratio", []).ok).toBe(false);
  expect(atMost("memory", 2, 2, "kB", []).ok).toBe(true);
  expect(atMost("memory", 2, 2.01, "kB", []).ok).toBe(false);
});
