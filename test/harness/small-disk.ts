// A disk that a test may fill up: a small tmpfs, for which a user has to be allowed to mount.
import { spawnSync } from "node:child_process";
import { closeSync, openSync, rmSync, writeSync } from "node:fs";
import { join } from "node:path";

import { tempFolder } from "./paths.ts";

export const mountMissing = "needs root, to mount a small disk";

export interface SmallDisk extends Disposable {
  readonly path: string;
  /** Takes all the room that is left, whoever else writes meanwhile. @returns what gives it back. */
  fill(): () => void;
}

/** @returns undefined where this user may not mount. */
export function smallDisk(megabytes: number): SmallDisk | undefined {
  const folder = tempFolder("disk");
  const { path } = folder;
  const { status } = spawnSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m`, "tmpfs", path]);
  if (status !== 0) {
    folder[Symbol.dispose]();
    return undefined;
  }
  return {
    path,
    fill: () => fill(path),
    [Symbol.dispose]() {
      spawnSync("umount", ["--lazy", path]);
      folder[Symbol.dispose]();
    },
  };
}

function fill(disk: string): () => void {
  const ballast = join(disk, "ballast");
  const file = openSync(ballast, "w");
  const page = Buffer.alloc(4096);
  try {
    for (;;) if (writeSync(file, page) < page.length) break;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  } finally {
    closeSync(file);
  }
  return () => rmSync(ballast);
}
