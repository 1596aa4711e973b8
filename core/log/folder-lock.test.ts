import { spawn, spawnSync } from "node:child_process";
import { chmodSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, onTestFinished, test } from "vitest";

import { isWattlogError } from "../runtime/errors.ts";
import { lockFolder } from "./folder-lock.ts";

const module = new URL("./folder-lock.ts", import.meta.url).href;
let folder: string;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "wattlog-lock-"));
});

afterEach(() => {
  chmodSync(folder, 0o755);
  rmSync(folder, { recursive: true });
});

function tryElsewhere(): string {
  const code = `import(process.argv[1]).then(m => { try { m.lockFolder(process.argv[2]); console.log("held"); }
    catch (e) { console.log(e.code + " " + e.message); } })`;
  return spawnSync(process.execPath, ["-e", code, module, folder], { encoding: "utf8" }).stdout.trim();
}

test("a second process on the folder is refused, by name, until the first gives it back", () => {
  const lock = lockFolder(folder);
  expect(tryElsewhere()).toMatch(new RegExp(`^start/second-process .*${folder}`));
  expect(() => lockFolder(folder)).toThrow(/Another wattlog/);
  lock.release();
  lock.release();
  expect(tryElsewhere()).toBe("held");
  lockFolder(folder).release();
});

test("kill -9 gives the folder back", async () => {
  // Kept: a lock that nobody refers to goes with the next garbage collection.
  const code = `import(process.argv[1]).then(m => { globalThis.lock = m.lockFolder(process.argv[2]); console.log("held");
    setInterval(() => {}, 1e6); })`;
  const child = spawn(process.execPath, ["-e", code, module, folder], { stdio: ["ignore", "pipe", "inherit"] });
  // A child that outlived a failed test would hold the runner's output, and with it the run.
  onTestFinished(() => void child.kill("SIGKILL"));
  await new Promise((resolve) => child.stdout.once("data", resolve));
  expect(() => lockFolder(folder)).toThrow(/Another wattlog/);
  const gone = new Promise((resolve) => child.once("exit", resolve));
  child.kill("SIGKILL");
  await gone;
  lockFolder(folder).release();
});

test("a folder is made with those that it lies in", () => {
  const deep = join(folder, "a", "b", "c");
  lockFolder(deep).release();
  expect(existsSync(join(deep, "lock.db"))).toBe(true);
  lockFolder(deep).release();
});

test("a folder that cannot be is refused with what to do", () => {
  const file = join(folder, "file");
  writeFileSync(file, "");
  // In /proc the parent is there and the system still knows of no such folder.
  for (const path of [join(file, "data"), file, "/proc/wattlog", "/proc/wattlog/data"]) {
    expect(() => lockFolder(path)).toThrow(
      expect.toSatisfy(
        (error: unknown) => isWattlogError(error, "start/data-folder") && error.message.includes("WATTLOG_DATA_DIR"),
      ),
    );
  }
});
