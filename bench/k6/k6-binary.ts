// k6 itself, built once from the Go module proxy. Minutes of compiling: the result lies outside of the working copy, in the user's
// cache, and `node bench/k6/k6-binary.ts` makes it ahead of time (CI does, beside its other stages).
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { run, runOrMissing, ServerMissing } from "../../tools/servers/install.ts";

const version = "v1.8.1";
const howToGet = `k6 is missing and could not be built: go install go.k6.io/k6@${version}`;
const buildMs = 15 * 60_000;

/**
 * Path of the k6 program, built where it is not there; who comes while another builds waits for that.
 * @throws ServerMissing with a sentence
 */
export async function k6Binary(tell: (progress: string) => void = () => undefined): Promise<string> {
  const cache = process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache");
  const folder = join(cache, "wattlog", `k6-${version}`);
  const binary = join(folder, "k6");
  const lock = `${folder}.building`;
  const until = Date.now() + buildMs;
  while (!existsSync(binary)) {
    if (takeLock(lock)) {
      try {
        if (!existsSync(binary)) await build(folder, tell);
      } finally {
        rmSync(lock, { recursive: true, force: true });
      }
    } else if (Date.now() > until) {
      throw new ServerMissing(`${howToGet} (another process has been at it for too long: ${lock})`);
    } else {
      await sleep(500);
    }
  }
  return binary;
}

/** A folder comes into being once; one whose maker has died is nobody's. */
function takeLock(lock: string): boolean {
  const owner = join(lock, "pid");
  mkdirSync(join(lock, ".."), { recursive: true });
  try {
    mkdirSync(lock);
    writeFileSync(owner, String(process.pid));
    return true;
  } catch {
    if (ownerLives(owner)) return false;
    rmSync(lock, { recursive: true, force: true });
    return false;
  }
}

function ownerLives(file: string): boolean {
  try {
    process.kill(Number(readFileSync(file, "utf8")), 0);
    return true;
  } catch (error) {
    // Made, and its name not written yet.
    return (error as NodeJS.ErrnoException).code === "ENOENT";
  }
}

async function build(folder: string, tell: (progress: string) => void): Promise<void> {
  if ((await run("go", ["version"])).code !== 0) throw new ServerMissing(`${howToGet} (there is no go)`);
  tell(`building k6 ${version} (some minutes, once)`);
  const making = `${folder}.making`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { recursive: true });
  const env = { ...process.env, GOBIN: making };
  await runOrMissing("nice", ["-n", "15", "go", "install", `go.k6.io/k6@${version}`], howToGet, {
    env,
    timeoutMs: buildMs,
  });
  await runOrMissing(join(making, "k6"), ["version"], howToGet);
  rmSync(folder, { recursive: true, force: true });
  renameSync(making, folder);
}

if (import.meta.main) console.log(await k6Binary((progress) => console.log(progress)));
