// A folder and what it lies in, one at a time: Node's recursive mkdir never comes back where the system says "no such
// folder" although the parent is there, as /proc does.
import { mkdirSync, statSync } from "node:fs";
import { dirname } from "node:path";

/** Makes the folder where it is not there yet. @throws the system's error where it cannot be made, or is no folder. */
export function makeFolder(folder: string): void {
  const missing: string[] = [];
  for (let path = folder; !exists(path) && dirname(path) !== path; path = dirname(path)) missing.push(path);
  for (const path of missing.toReversed()) make(path);
  if (missing.length === 0) make(folder);
}

function exists(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false }) !== undefined;
}

function make(path: string): void {
  try {
    mkdirSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST" || !isFolder(path)) throw error;
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
