// What an operator is told of the certificates that a process shows or trusts: when they end, and whether it has the newest.
import { X509Certificate } from "node:crypto";

import type { Metrics } from "./metrics.ts";

/** By whom and for what; the label of the metrics. `…Authority`: whose signatures are trusted, or made. */
export type CertificateUse =
  | "ocpp"
  | "stationsAuthority"
  | "https"
  | "signingAuthority"
  | "kafka"
  | "kafkaAuthority"
  | "redisAuthority"
  | "postgres"
  | "postgresAuthority";

export type CertificateMetrics = Pick<Metrics, "certificateExpiry" | "certificateOutdated" | "certificateRenewals">;

const block = /-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----/g;

/**
 * The certificates in a text of PEM, in use from now on. What is no certificate tells nothing: whoever uses it says so.
 * @param first of one that is shown, the first in its chain to end; of trusted ones the last, for a bundle may keep old ones
 */
function ends(pem: string, first: boolean): number | undefined {
  try {
    const times = (pem.match(block) ?? []).map((text) => new X509Certificate(text).validToDate.getTime());
    if (times.length === 0) return undefined;
    return first ? Math.min(...times) : Math.max(...times);
  } catch {
    return undefined;
  }
}

/** @param pem the text of the file */
export function certificateInUse(metrics: CertificateMetrics, use: CertificateUse, pem: string): void {
  const at = ends(pem, !use.endsWith("Authority"));
  if (at !== undefined) metrics.certificateExpiry.set({ use }, at / 1_000);
  metrics.certificateOutdated.set({ use }, 0);
  for (const result of ["taken", "refused"]) metrics.certificateRenewals.inc({ use, result }, 0);
}

export function certificateRenewed(metrics: CertificateMetrics, use: CertificateUse, pem: string): void {
  certificateInUse(metrics, use, pem);
  metrics.certificateRenewals.inc({ use, result: "taken" });
}

/** The former one stays in use. */
export function certificateRefused(metrics: CertificateMetrics, use: CertificateUse): void {
  metrics.certificateOutdated.set({ use }, 1);
  metrics.certificateRenewals.inc({ use, result: "refused" });
}
