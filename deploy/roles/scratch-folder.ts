// A folder for a rebuild that goes when it is done. Inside the data folder, where there is room for as much again; a
// killed run leaves it behind, and the next one takes it away.
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const prefix = "rebuild-";

export async function withScratchFolder<T>(dataDir: string, work: (folder: string) => Promise<T>): Promise<T> {
  removeLeftovers(dataDir);
  const folder = makeFolder(dataDir);
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
}

/** Somebody may look at a folder that is not theirs to write. */
function makeFolder(dataDir: string): string {
  const name = `${prefix}${process.pid}-`;
  try {
    return mkdtempSync(join(dataDir, name));
  } catch {
    return mkdtempSync(join(tmpdir(), `wattlog-${name}`));
  }
}

function removeLeftovers(dataDir: string): void {
  for (const name of readdirSync(dataDir)) {
    const pid = /^rebuild-(\d+)-/.exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    try {
      rmSync(join(dataDir, name), { recursive: true, force: true });
    } catch {
      // Not ours to remove: it harms nobody.
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
