// Certificates towards servers, and that of the authority that signs stations' certificates: nobody listens with them, so that their
// files are looked at here, for the metrics alone.
import { readFile } from "node:fs/promises";

import { parseRedisUrl } from "../../core/bus/redis-url.ts";
import type { Settings } from "../../core/config/settings.ts";
import {
  certificateInUse,
  certificateRenewed,
  type CertificateMetrics,
  type CertificateUse,
} from "../../core/runtime/certificates.ts";
import type { Clock } from "../../core/runtime/clock.ts";
import { Rounds } from "../../core/runtime/rounds.ts";

interface WatchedFile {
  readonly use: CertificateUse;
  readonly path: string;
  /** Each new connection reads it; else what was there at the start is used until the end. */
  readonly readAgain: boolean;
}

const defaultLookMs = 30_000;

/** Those that the settings name and that are not shown by a port of ours. @throws WattlogError `config/invalid` */
export function watchedFiles(settings: Settings): readonly WatchedFile[] {
  const redisAuthority = settings.redisUrl === "" ? "" : parseRedisUrl(settings.redisUrl).caFile;
  const postgres = URL.parse(settings.databaseUrl)?.searchParams ?? new URLSearchParams();
  const files: readonly (readonly [CertificateUse, string | null, boolean])[] = [
    ["kafka", settings.kafkaSslCertFile, true],
    ["kafkaAuthority", settings.kafkaSslCaFile, true],
    ["redisAuthority", redisAuthority, true],
    ["postgres", postgres.get("sslcert"), true],
    ["postgresAuthority", postgres.get("sslrootcert"), true],
    ["signingAuthority", settings.caCertFile, false],
  ];
  return files.flatMap(([use, path, readAgain]) => (path ? [{ use, path, readAgain }] : []));
}

export class CertificatesWatch {
  private readonly metrics: CertificateMetrics;
  private readonly files: readonly WatchedFile[];
  private readonly known = new Map<CertificateUse, string>();
  private readonly rounds: Rounds;

  constructor(metrics: CertificateMetrics, clock: Clock, files: readonly WatchedFile[], lookMs = defaultLookMs) {
    this.metrics = metrics;
    this.files = files;
    this.rounds = new Rounds(clock, lookMs, () => this.look());
  }

  start(): void {
    if (this.files.length > 0) this.rounds.start(0);
  }

  stop(): Promise<void> {
    return this.rounds.stop();
  }

  private async look(): Promise<void> {
    for (const { use, path, readAgain } of this.files) {
      // One that cannot be read is told by whoever needs it.
      const text = await readFile(path, "utf8").catch(() => undefined);
      const known = this.known.get(use);
      if (text === undefined) continue;
      if (known === undefined) {
        certificateInUse(this.metrics, use, text);
        this.known.set(use, text);
      } else if (!readAgain) {
        this.metrics.certificateOutdated.set({ use }, text === known ? 0 : 1);
      } else if (text !== known) {
        certificateRenewed(this.metrics, use, text);
        this.known.set(use, text);
      }
    }
  }
}
