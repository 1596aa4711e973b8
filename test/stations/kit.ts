// What the kits share: they are installed once into `.cache/kits`, and a station on one says what happens as JSON lines.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";

import { projectRoot } from "../harness/paths.ts";
import { Child, cleanEnvironment } from "../harness/process.ts";
import { eventually } from "../harness/wait.ts";

export const kitFolder = join(projectRoot, "test", "stations", "kits");
const cacheFolder = join(projectRoot, ".cache", "kits");
const installTimeoutMs = 240_000;

/** The words of a skip; where CI is set, `npm test` fails by a skip. */
export interface Missing {
  readonly missing: string;
}

/** Not to be had on this machine as it is; the message says how it could. */
export class KitMissing extends Error {
  override readonly name = "KitMissing";
}

/**
 * @param files of `kits/` that say what is wanted; a change of one is another folder.
 * @param make fills the folder. It comes into being by rename, so one that was interrupted does not count.
 * @returns the folder, or the words of a skip where `make` throws KitMissing.
 */
export async function installKit(
  name: string,
  files: readonly string[],
  make: (folder: string) => Promise<void>,
): Promise<{ readonly folder: string } | Missing> {
  const hash = createHash("sha256");
  for (const file of files) hash.update(file).update(readFileSync(join(kitFolder, file)));
  const folder = join(cacheFolder, `${name}-${hash.digest("hex").slice(0, 12)}`);
  if (existsSync(folder)) return { folder };
  // Others may be installing the same: whoever is first to be whole counts.
  const making = `${folder}.${process.pid}`;
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { recursive: true });
  try {
    await make(making);
    if (!existsSync(folder)) renameSync(making, folder);
  } catch (error) {
    if (error instanceof KitMissing) return { missing: error.message };
    throw error;
  } finally {
    rmSync(making, { recursive: true, force: true });
  }
  return { folder };
}

/** @throws KitMissing where the command is not there or fails, with the sentence and its last words. */
export async function runOrMissing(
  command: string,
  args: readonly string[],
  sentence: string,
  { cwd = projectRoot, timeoutMs = installTimeoutMs }: { readonly cwd?: string; readonly timeoutMs?: number } = {},
): Promise<void> {
  try {
    const env = cleanEnvironment();
    await promisify(execFile)(command, args, { cwd, env, timeout: timeoutMs, maxBuffer: 16 << 20 });
  } catch (error) {
    const { stderr = "", stdout = "", message } = error as Error & { stderr?: string; stdout?: string };
    const words = (stderr || stdout || message).trim().split("\n").slice(-3).join(" ").slice(-400);
    throw new KitMissing(`${sentence} (${words})`, { cause: error });
  }
}

/** A line that a kit's station says. */
export interface Said {
  readonly event: string;
  readonly [field: string]: unknown;
}

/** A station on a kit, which ends with its test. */
export class KitStation {
  private readonly child: Child;

  constructor(command: string, args: readonly string[], options: { readonly cwd?: string } = {}) {
    this.child = new Child(command, args, options);
    onTestFinished(() => this.child.signal("SIGKILL"));
  }

  get lines(): readonly Said[] {
    const whole = this.child.stdout.split("\n").slice(0, -1);
    return whole.filter((line) => line.startsWith("{")).map((line) => JSON.parse(line) as Said);
  }

  /** What the kit complained about, in its own words. */
  get complaints(): string {
    return this.child.stderr;
  }

  /** @throws with everything it said where it ends instead. */
  said(event: string, timeoutMs = 60_000): Promise<Said> {
    return eventually(
      `the kit to say ${event}\n${this.child.words()}`,
      () => {
        const line = this.lines.find((one) => one.event === event);
        if (line === undefined && this.child.exit) throw new Error(`the kit ended\n${this.child.words()}`);
        return line;
      },
      { timeoutMs },
    );
  }
}
