// Sees to it that `import uWS from "uWebSockets.js"` works on this machine.
//
// The addon inside node_modules is replaced, not copied to build/, because every process and worker then loads it by
// its plain name. A reinstalled node_modules is noticed by the file's hash.
import { spawnSync } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { relinkForOlderGlibc } from "./relink-glibc.ts";

/**
 * The only binaries that are relinked: uWebSockets.js 20.57.0 as the lock file pins it, by file name. Anything else is
 * refused, because a changed binary may import other symbols. A new version needs a new row, taken after a load test.
 */
const RELINKABLE: ReadonlyMap<string, { readonly before: string; readonly after: string }> = new Map([
  [
    "uws_linux_x64_137.node",
    {
      before: "98128405dba2fb608448e921a979530f70c946a2cc9889c15f2fa70c2d00ab05",
      after: "2630bb59236deeadf501d6abaf79c1a655b4a0b78579fba408eea84d1a30f6ca",
    },
  ],
]);

export function addonFile(root: string): string {
  const name = `uws_${process.platform}_${process.arch}_${process.versions.modules}.node`;
  return join(root, "node_modules", "uWebSockets.js", name);
}

export function sha256(bytes: string | Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Loads the addon in a child process, relinks it where only glibc 2.38 is missing, and says what was done. */
export function prepareAddon(root: string): string {
  const file = addonFile(root);
  const name = basename(file);
  if (statSync(file, { throwIfNoEntry: false }) === undefined) {
    throw new Error(
      `uWebSockets.js has no ${name}: it runs on glibc Linux, macOS and Windows with Node 24, not on this machine`,
    );
  }
  const problem = loadProblem(file);
  if (problem === undefined) return "uWebSockets.js loads";
  if (!problem.includes("GLIBC_2.38")) throw new Error(`uWebSockets.js does not load: ${problem}`);

  const pinned = RELINKABLE.get(name);
  const original = readFileSync(file);
  if (pinned === undefined || sha256(original) !== pinned.before) {
    throw new Error(
      `uWebSockets.js needs glibc 2.38 (Debian 13, Ubuntu 24.04 or newer), and this ${name} is not one that is known ` +
        `to work on an older one. ${problem}`,
    );
  }
  const relinked = relinkForOlderGlibc(original);
  if (sha256(relinked) !== pinned.after) throw new Error(`relinking ${name} gave other bytes than expected`);

  const temporary = `${file.slice(0, -".node".length)}.${randomUUID()}.node`;
  try {
    writeFileSync(temporary, relinked);
    const stillWrong = loadProblem(temporary);
    if (stillWrong !== undefined) throw new Error(`the relinked ${name} does not load: ${stillWrong}`);
    renameSync(temporary, file);
  } finally {
    rmSync(temporary, { force: true });
  }
  return `relinked ${name} for a glibc older than 2.38`;
}

/** Why a native addon does not load, or undefined. In a child: a bad binary must not take this process with it. */
function loadProblem(file: string): string | undefined {
  const script =
    "try { require(process.argv[1]); process.exit(0) } catch (e) { console.error(e.message); process.exit(3) }";
  const { NODE_OPTIONS: _, ...env } = process.env;
  const run = spawnSync(process.execPath, ["-e", script, file], { env, encoding: "utf8", timeout: 30_000 });
  if (run.status === 0) return undefined;
  return run.stderr.trim() || run.error?.message || `it ended with ${run.signal ?? run.status}`;
}
