// Where things lie. Tests may run in a copy of the tree (tools/mutants.ts), so everything follows from this file's place.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const projectRoot = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
export const commandFile = join(projectRoot, "deploy", "cli", "wattlog.mjs");

export interface TempFolder extends Disposable {
  readonly path: string;
}

/** A folder of its own that goes with the block that it is declared in. */
export function tempFolder(purpose: string): TempFolder {
  const path = mkdtempSync(join(tmpdir(), `wattlog-${purpose}-`));
  return { path, [Symbol.dispose]: () => rmSync(path, { recursive: true, force: true, maxRetries: 5 }) };
}
