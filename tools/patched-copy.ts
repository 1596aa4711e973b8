// A copy of the tree to which patches are applied one after the other, to see that tests (`npm run mutants`) and the
// simulation (`npm run simulate:faults`) find what they break. A patch that no longer applies or compiles proves nothing.
import { spawnSync } from "node:child_process";
import { copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

/** @returns what a patch says of itself before its diff, by name. @throws Error where a name that is asked for is missing */
export function headOf(patch: string): (name: string) => string {
  const head = readFileSync(patch, "utf8").split(/^diff --git /m, 1)[0] ?? "";
  return (name) => {
    const value = new RegExp(`^${name}: (.+)$`, "m").exec(head)?.[1];
    if (value === undefined) throw new Error(`${patch} has no line "${name}: …" before its diff`);
    return value.trim();
  };
}

/**
 * Files as they lie in the tree now, changes that are not committed included.
 * @param listed arguments of `git ls-files`: which
 * @param shared not tracked, needed, and never changed by a patch
 */
export function copyTree(copy: string, listed: readonly string[], shared: readonly string[]): void {
  const { status, stdout, stderr } = spawnSync("git", ["ls-files", "-z", ...listed], {
    cwd: ROOT,
    encoding: "utf8",
    maxBuffer: 64 * 1024 * 1024,
  });
  if (status !== 0) throw new Error(`git ls-files failed: ${stderr}`);
  for (const path of stdout.split("\0")) {
    if (path === "" || !existsSync(join(ROOT, path))) continue;
    mkdirSync(dirname(join(copy, path)), { recursive: true });
    copyFileSync(join(ROOT, path), join(copy, path));
  }
  for (const folder of shared) symlinkSync(join(ROOT, folder), join(copy, folder));
}

/** @returns why it does not apply. */
export function applyPatch(copy: string, patch: string, options: readonly string[]): string | undefined {
  const { status, stderr } = spawnSync("git", ["apply", ...options, patch], {
    cwd: copy,
    encoding: "utf8",
    // Also where the copy lies inside somebody's repository.
    env: { ...process.env, GIT_CEILING_DIRECTORIES: dirname(copy) },
  });
  return status === 0 ? undefined : stderr.trim().split("\n")[0];
}

/** @returns the first complaint about a file that the patch changes. */
export function typeErrors(copy: string, patch: string): string | undefined {
  const changed = [...readFileSync(patch, "utf8").matchAll(/^\+\+\+ b\/(.+)$/gm)].map((match) => match[1] ?? "");
  const tsc = join(ROOT, "node_modules/typescript/bin/tsc");
  const { stdout } = spawnSync(process.execPath, [tsc, "--noEmit", "-p", "."], { cwd: copy, encoding: "utf8" });
  return stdout.split("\n").find((line) => changed.some((file) => line.startsWith(`${file}(`)));
}
