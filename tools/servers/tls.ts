// A certificate for 127.0.0.1 and localhost, for the servers' TLS listeners.
import { join } from "node:path";
import { readFileSync, writeFileSync } from "node:fs";

import { installed, runOrMissing } from "./install.ts";

export interface Certificate {
  readonly certFile: string;
  readonly keyFile: string;
  /** Key and certificate in one, as Kafka wants it. */
  readonly bothFile: string;
}

export async function certificate(): Promise<Certificate> {
  const folder = await installed("tls", "1", async (making) => {
    const [key, cert] = [join(making, "key.pem"), join(making, "cert.pem")];
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"];
    const form = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "3650"];
    await runOrMissing(
      "openssl",
      ["req", ...form, ...subject, "-keyout", key, "-out", cert],
      "test certificates need the openssl command: apt-get install openssl",
    );
    writeFileSync(join(making, "both.pem"), readFileSync(key, "utf8") + readFileSync(cert, "utf8"));
  });
  return { certFile: join(folder, "cert.pem"), keyFile: join(folder, "key.pem"), bothFile: join(folder, "both.pem") };
}
