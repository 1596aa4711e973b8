// The admin port: metrics, liveness, readiness. Liveness says only that this event loop turns; readiness names
// what is missing (design.md, roles).
import { once } from "node:events";
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

import { WattlogError } from "../../core/runtime/errors.ts";
import type { Readiness } from "../../core/runtime/service.ts";

export interface AdminQuestions {
  metrics(): Promise<string>;
  readiness(): Promise<readonly Readiness[]>;
}

export class AdminServer {
  private readonly server: Server;

  constructor(questions: AdminQuestions) {
    this.server = createServer((request, response) => {
      answer(request.url ?? "/", questions, response).catch(() => {
        if (!response.headersSent) response.writeHead(503, { "content-type": "text/plain" });
        response.end("not available\n");
      });
    });
    this.server.requestTimeout = 10_000;
    this.server.headersTimeout = 5_000;
  }

  /**
   * @returns the port, for 0 is any.
   * @throws WattlogError `start/port-in-use`
   */
  async listen(host: string, port: number): Promise<number> {
    try {
      this.server.listen(port, host);
      await once(this.server, "listening");
    } catch (cause) {
      throw new WattlogError(
        "start/port-in-use",
        `Port ${port} on ${host} is taken; set WATTLOG_ADMIN_PORT to a free one.`,
        { cause },
      );
    }
    return (this.server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    if (!this.server.listening) return;
    this.server.closeAllConnections();
    await new Promise<void>((resolve) => this.server.close(() => resolve()));
  }
}

async function answer(url: string, questions: AdminQuestions, response: ServerResponse): Promise<void> {
  switch (url.split("?", 1)[0]) {
    case "/metrics":
      send(response, 200, "text/plain; version=0.0.4; charset=utf-8", await questions.metrics());
      return;
    case "/health/live":
      send(response, 200, "application/json", JSON.stringify({ live: true }));
      return;
    case "/health/ready": {
      const parts = await questions.readiness();
      const ready = parts.every((part) => part.problem === undefined);
      send(response, ready ? 200 : 503, "application/json", JSON.stringify({ ready, parts }));
      return;
    }
    default:
      send(response, 404, "text/plain", "Here are /metrics, /health/live and /health/ready.\n");
  }
}

function send(response: ServerResponse, status: number, type: string, body: string): void {
  response.writeHead(status, { "content-type": type, "cache-control": "no-store" });
  response.end(body);
}
