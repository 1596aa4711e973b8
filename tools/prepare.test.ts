import {
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { addonFile, prepareAddon } from "./prepare-addon.ts";
import { ensurePrepared } from "./prepare.ts";
import { relinkForOlderGlibc } from "./relink-glibc.ts";

const PROJECT = dirname(dirname(fileURLToPath(import.meta.url)));
const packaged = (name: string): string => join(PROJECT, "node_modules", "uWebSockets.js", name);

let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "wattlog-prepare-"));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

describe("prepare", () => {
  test("makes everything once, nothing the second time, and again what is missing", async () => {
    symlinkSync(join(PROJECT, "node_modules"), join(root, "node_modules"));
    expect(await ensurePrepared(root)).toEqual(["uWebSockets.js loads", "generated 387 OCPP validators"]);
    expect(await ensurePrepared(root)).toEqual([]);

    unlinkSync(join(root, "build", "ocpp", "ocpp2.1.cjs"));
    expect(await ensurePrepared(root)).toEqual(["generated 387 OCPP validators"]);

    writeFileSync(join(root, "build", "stamps.json"), "{ not JSON");
    expect(await ensurePrepared(root)).toHaveLength(2);
    expect(await ensurePrepared(root)).toEqual([]);
  });

  test("makes again what depends on a file that changed", async () => {
    symlinkSync(join(PROJECT, "node_modules"), join(root, "node_modules"));
    mkdirSync(join(root, "tools"));
    const generator = join(root, "tools", "prepare-validators.ts");
    copyFileSync(join(PROJECT, "tools", "prepare-validators.ts"), generator);
    await ensurePrepared(root);
    writeFileSync(generator, `${readFileSync(generator, "utf8")}\n// changed`);
    expect(await ensurePrepared(root)).toEqual(["generated 387 OCPP validators"]);
  });
});

describe("the addon", () => {
  test("a machine that it is not built for is told so", () => {
    expect(() => prepareAddon(root)).toThrow("not on this machine");
  });

  test("a file that is no addon is refused and left as it is", () => {
    const file = addonFile(root);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, "no addon");
    expect(() => prepareAddon(root)).toThrow("uWebSockets.js does not load");
    expect(readFileSync(file, "utf8")).toBe("no addon");
  });
});

describe("relinking", () => {
  // The binary for another Node version: it is never relinked in place, so it is as it was published.
  const published = readFileSync(packaged("uws_linux_x64_127.node"));

  test("changes a few table entries, not the input, and is idempotent", () => {
    const before = Buffer.from(published);
    const relinked = relinkForOlderGlibc(published);
    expect(published.equals(before)).toBe(true);
    expect(relinked.length).toBe(published.length);
    const changed = relinked.reduce((count, byte, i) => (byte === published[i] ? count : count + 1), 0);
    expect(changed).toBeGreaterThan(0);
    expect(changed).toBeLessThan(64);
    expect(relinkForOlderGlibc(relinked).equals(relinked)).toBe(true);
  });

  test("refuses an import of the new glibc that it does not know", () => {
    const other = Buffer.from(published);
    const at = other.indexOf("__isoc23_strto");
    expect(at).toBeGreaterThan(0);
    other.write("__isoc99_", at, "latin1");
    expect(() => relinkForOlderGlibc(other)).toThrow("unexpected GLIBC_2.38 import __isoc99_strto");
  });

  test("refuses another architecture and what is no ELF file", () => {
    const arm = readFileSync(packaged("uws_linux_arm64_137.node"));
    expect(() => relinkForOlderGlibc(arm)).toThrow("GLIBC_2.2.5");
    expect(() => relinkForOlderGlibc(Buffer.from("text"))).toThrow("not a 64-bit little-endian ELF file");
  });
});
