// The certificate that the HTTPS port shows, from the files that the settings name.
import { readFileSync } from "node:fs";
import { createSecureContext } from "node:tls";

import type { Settings } from "../../core/config/settings.ts";
import { messageOf, WattlogError } from "../../core/runtime/errors.ts";
import type { HttpsOptions } from "../../projections/rest/https-door.ts";

type HttpsSettings = Pick<Settings, "httpsPort" | "tlsCertFile" | "tlsKeyFile">;

/** @returns undefined where no certificate is named: there is no HTTPS port. @throws WattlogError `config/invalid` */
export function httpsOf({ httpsPort, tlsCertFile, tlsKeyFile }: HttpsSettings): HttpsOptions | undefined {
  if (tlsCertFile === "" && tlsKeyFile === "") return undefined;
  if (tlsCertFile === "" || tlsKeyFile === "") {
    throw invalid("WATTLOG_TLS_CERT_FILE and WATTLOG_TLS_KEY_FILE are set together or not at all.");
  }
  const certificate = read("WATTLOG_TLS_CERT_FILE", tlsCertFile);
  const key = read("WATTLOG_TLS_KEY_FILE", tlsKeyFile);
  try {
    createSecureContext({ cert: certificate, key });
  } catch (error) {
    const sentence = `WATTLOG_TLS_CERT_FILE and WATTLOG_TLS_KEY_FILE are no certificate (PEM) and its private key: ${messageOf(error)}`;
    throw invalid(sentence, error);
  }
  return { port: httpsPort, certificate, key };
}

function read(name: string, file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw invalid(`${name}=${file} cannot be read: ${messageOf(error)}`, error);
  }
}

function invalid(sentence: string, cause?: unknown): WattlogError {
  return new WattlogError("config/invalid", sentence, { cause });
}
