// What lies in the data folder besides log and state: the administrator's token and run.json, through which the
// command line finds a running wattlog. Both are readable by their owner only.
import { randomBytes } from "node:crypto";
import { chmodSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Settings } from "../../core/config/settings.ts";

/** How the command line reaches the process that runs on a folder. */
export interface RunFile {
  readonly pid: number;
  readonly httpUrl: string;
  readonly ocppUrl: string;
  readonly adminUrl: string;
  /** An administrator's token. */
  readonly token: string;
  readonly startedAt: string;
}

const ownerOnly = 0o600;

export function adminTokenFile(folder: string): string {
  return join(folder, "admin-token");
}

export function runFile(folder: string): string {
  return join(folder, "run.json");
}

/** The token of the settings, else the one kept in the folder, made at the first start. */
export function adminToken(settings: Settings): string {
  if (settings.adminToken) return settings.adminToken;
  const file = adminTokenFile(settings.dataDir);
  try {
    const kept = readFileSync(file, "utf8").trim();
    if (kept.length >= 32) return kept;
  } catch {
    // first start: made below
  }
  // Hex: a token of base64url may begin with a dash, which a command line takes for an option.
  const token = randomBytes(32).toString("hex");
  writePrivate(file, `${token}\n`);
  return token;
}

export function writeRunFile(folder: string, run: RunFile): void {
  writePrivate(runFile(folder), `${JSON.stringify(run, null, 2)}\n`);
}

export function removeRunFile(folder: string): void {
  rmSync(runFile(folder), { force: true });
}

/** Readable by its owner only. */
export function writePrivate(file: string, text: string): void {
  writeFileSync(file, text, { mode: ownerOnly });
  // The mode above counts only where the file is new.
  chmodSync(file, ownerOnly);
}
