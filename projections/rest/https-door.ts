// The same routes by HTTPS, on a port of their own: for stations that upload and people who look, where no proxy stands before
// this server. Plain HTTP stays, for the machine itself and for proxies.
import { createServer, type Server } from "node:https";
import type { FastifyInstance } from "fastify";

import { limits } from "../../core/config/limits.ts";
import {
  certificateInUse,
  certificateRefused,
  certificateRenewed,
  type CertificateMetrics,
} from "../../core/runtime/certificates.ts";
import type { Clock } from "../../core/runtime/clock.ts";
import type { Logger } from "../../core/runtime/logger.ts";
import { readTlsFiles, TlsFilesWatch, type TlsFiles } from "../../core/runtime/tls-files.ts";

export interface HttpsOptions {
  readonly port: number;
  /** Read at the start and whenever they change: who connects then is shown the new certificate. */
  readonly files: TlsFiles;
  /** How often they are looked at, ms. */
  readonly lookMs?: number;
}

const oldestTls = { minVersion: "TLSv1.2" } as const;

export class HttpsDoor {
  private readonly server: Server;
  private readonly files: TlsFiles;
  private readonly logger: Logger;
  private readonly metrics: CertificateMetrics;
  private readonly watch: TlsFilesWatch;

  /** @throws WattlogError `config/invalid` where the files are no certificate and its key */
  constructor(
    app: FastifyInstance,
    { files, lookMs }: HttpsOptions,
    {
      clock,
      logger,
      metrics,
    }: { readonly clock: Clock; readonly logger: Logger; readonly metrics: CertificateMetrics },
  ) {
    this.files = files;
    this.logger = logger;
    this.metrics = metrics;
    this.watch = new TlsFilesWatch(clock, files, () => this.renew(), lookMs);
    const { requestTimeout, keepAliveTimeout } = app.server;
    const texts = readTlsFiles(files);
    this.server = createServer({ ...texts, ...oldestTls }, (request, response) => app.routing(request, response));
    certificateInUse(metrics, "https", texts.cert);
    Object.assign(this.server, { requestTimeout, keepAliveTimeout, headersTimeout: limits.apiRequestMs });
  }

  /** @throws Error with the code EADDRINUSE */
  async listen(host: string, port: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.server.once("error", reject);
    this.server.listen(port, host, resolve);
    await promise;
    this.server.off("error", reject);
    this.watch.start();
  }

  /** That it listens on, also where 0 was asked for. */
  port(): number {
    const address = this.server.address();
    return typeof address === "object" && address ? address.port : 0;
  }

  /** Requests in hand are finished. */
  async close(): Promise<void> {
    await this.watch.stop();
    if (!this.server.listening) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.server.close(() => resolve());
    this.server.closeIdleConnections();
    await promise;
  }

  private renew(): void {
    try {
      const texts = readTlsFiles(this.files);
      this.server.setSecureContext({ ...texts, ...oldestTls });
      certificateRenewed(this.metrics, "https", texts.cert);
      this.logger.info({ file: this.files.cert.path }, "the HTTPS port shows its new certificate");
    } catch (error) {
      certificateRefused(this.metrics, "https");
      this.logger.error({ err: error }, "the new certificate of the HTTPS port is not taken");
    }
  }
}
