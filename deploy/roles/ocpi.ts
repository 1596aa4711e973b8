// What the OCPI side of the api is told: where partners reach it, whom it may call, and what seals their tokens.
import { randomBytes, randomUUID } from "node:crypto";
import { linkSync, readFileSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";

import { isLoopback, type Settings } from "../../core/config/settings.ts";
import type { OcpiSettings } from "../../projections/rest/context.ts";
import { writePrivate } from "./data-folder.ts";

/** Less was not written whole. */
const secretMinChars = 32;

export function ocpiOf(settings: Settings): OcpiSettings {
  const { ocpiUrl, ocpiPeers, ocpiName, bind, httpPort } = settings;
  const host = bind.includes(":") ? `[${bind}]` : bind;
  const isLocal = isLoopback(bind) && ocpiUrl === "";
  return {
    url: ocpiUrl === "" ? (isLocal ? `http://${host}:${httpPort}` : undefined) : ocpiUrl.replace(/\/+$/, ""),
    // Whoever set no address of its own has no partners but those on this machine.
    peers: ocpiPeers === "local" || (ocpiPeers === "" && isLocal) ? "local" : "public",
    name: ocpiName === "" ? undefined : ocpiName,
    secret: secretOf(settings),
  };
}

/** undefined: a cluster to which nobody gave one. */
function secretOf({ secretsKey, kafkaBrokers, dataDir }: Settings): string | undefined {
  if (secretsKey !== "") return secretsKey;
  return kafkaBrokers === "" ? keptSecret(join(dataDir, "secrets-key")) : undefined;
}

/** Threads ask at the same moment: it comes into being whole, and the first one counts for all. */
function keptSecret(file: string): string {
  const kept = readSecret(file);
  if (kept !== undefined) return kept;
  const own = `${file}.${randomUUID()}`;
  writePrivate(own, `${randomBytes(32).toString("hex")}\n`);
  try {
    linkSync(own, file);
  } catch (error) {
    // Another thread was faster; what is left of a write that was cut off is in nobody's use.
    if (readSecret(file) === undefined) renameSync(own, file);
    else if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
  rmSync(own, { force: true });
  return readSecret(file)!;
}

function readSecret(file: string): string | undefined {
  try {
    const kept = readFileSync(file, "utf8").trim();
    return kept.length >= secretMinChars ? kept : undefined;
  } catch {
    return undefined;
  }
}
