// One process a data folder. A SQLite lock, because the kernel gives it back however the process ends, and because
// it leaves readers of log.db and state.db alone.
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";

import { messageOf, WattlogError } from "../runtime/errors.ts";
import { makeFolder } from "./make-folder.ts";

export interface FolderLock {
  /** Gives the folder back; safe to call twice. */
  release(): void;
}

const sqliteBusy = 5;

/**
 * Makes the folder if need be and holds it until `release` or the end of the process.
 * @throws WattlogError `start/second-process` when another process holds it, `start/data-folder` when it cannot be
 * written.
 */
export function lockFolder(folder: string): FolderLock {
  let db: DatabaseSync | undefined;
  try {
    makeFolder(folder);
    db = new DatabaseSync(join(folder, "lock.db"), { timeout: 0 });
    db.exec("pragma locking_mode=exclusive; begin exclusive");
  } catch (cause) {
    db?.close();
    throw refusal(folder, cause);
  }
  const held = db;
  return {
    release() {
      if (held.isOpen) held.close();
    },
  };
}

function refusal(folder: string, cause: unknown): WattlogError {
  if ((cause as { errcode?: number }).errcode === sqliteBusy) {
    return new WattlogError(
      "start/second-process",
      `Another wattlog runs on ${folder}; stop it, or set WATTLOG_DATA_DIR to another folder for this one.`,
      { cause },
    );
  }
  return new WattlogError(
    "start/data-folder",
    `The data folder ${folder} cannot be written: ${messageOf(cause)}. Give this user the right to write there, make ` +
      "room on the disk, or set WATTLOG_DATA_DIR to another folder.",
    { cause },
  );
}
