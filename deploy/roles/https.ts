// The certificate that the HTTPS port shows, from the files that the settings name.
import type { Settings } from "../../core/config/settings.ts";
import { WattlogError } from "../../core/runtime/errors.ts";
import { readTlsFiles } from "../../core/runtime/tls-files.ts";
import type { HttpsOptions } from "../../projections/rest/https-door.ts";

type HttpsSettings = Pick<Settings, "httpsPort" | "tlsCertFile" | "tlsKeyFile">;

/** @returns undefined where no certificate is named: there is no HTTPS port. @throws WattlogError `config/invalid` */
export function httpsOf({ httpsPort, tlsCertFile, tlsKeyFile }: HttpsSettings): HttpsOptions | undefined {
  if (tlsCertFile === "" && tlsKeyFile === "") return undefined;
  if (tlsCertFile === "" || tlsKeyFile === "") {
    const sentence = "WATTLOG_TLS_CERT_FILE and WATTLOG_TLS_KEY_FILE are set together or not at all.";
    throw new WattlogError("config/invalid", sentence);
  }
  const files = {
    cert: { env: "WATTLOG_TLS_CERT_FILE", path: tlsCertFile },
    key: { env: "WATTLOG_TLS_KEY_FILE", path: tlsKeyFile },
  };
  // Wrong ones are said before anything starts.
  readTlsFiles(files);
  return { port: httpsPort, files };
}
