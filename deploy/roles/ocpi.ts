// What the OCPI side of the api is told: where partners reach it, whom it may call, and what seals their tokens.
import { randomBytes } from "node:crypto";
import { readFileSync } from "node:fs";
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

function keptSecret(file: string): string {
  try {
    const kept = readFileSync(file, "utf8").trim();
    if (kept.length >= secretMinChars) return kept;
  } catch {
    // first start: made below
  }
  const secret = randomBytes(32).toString("hex");
  writePrivate(file, `${secret}\n`);
  return secret;
}
