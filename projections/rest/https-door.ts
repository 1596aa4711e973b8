// The same routes by HTTPS, on a port of their own: for stations that upload and people who look, where no proxy stands before
// this server. Plain HTTP stays, for the machine itself and for proxies.
import { createServer, type Server } from "node:https";
import type { FastifyInstance } from "fastify";

import { limits } from "../../core/config/limits.ts";

export interface HttpsOptions {
  readonly port: number;
  /** PEM, with whatever stands between it and its root. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
}

export class HttpsDoor {
  private readonly server: Server;

  constructor(app: FastifyInstance, { certificate, key }: HttpsOptions) {
    const { requestTimeout, keepAliveTimeout } = app.server;
    this.server = createServer({ cert: certificate, key, minVersion: "TLSv1.2" }, (request, response) =>
      app.routing(request, response),
    );
    Object.assign(this.server, { requestTimeout, keepAliveTimeout, headersTimeout: limits.apiRequestMs });
  }

  /** @throws Error with the code EADDRINUSE */
  async listen(host: string, port: number): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    this.server.once("error", reject);
    this.server.listen(port, host, resolve);
    await promise;
    this.server.off("error", reject);
  }

  /** That it listens on, also where 0 was asked for. */
  port(): number {
    const address = this.server.address();
    return typeof address === "object" && address ? address.port : 0;
  }

  /** Requests in hand are finished. */
  async close(): Promise<void> {
    if (!this.server.listening) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.server.close(() => resolve());
    this.server.closeIdleConnections();
    await promise;
  }
}
