// GET /api/v1/live: server-sent events. Bounded: so many clients, so many unsent bytes each; whoever does not read is
// closed and comes again, for an EventSource does that by itself.
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

import { logKey, type PartyId, type StationId } from "../../core/ids/ids.ts";
import type { Subscription } from "../../core/log/log.ts";
import { partitionOf } from "../../core/log/partition.ts";
import type { Timer } from "../../core/runtime/clock.ts";
import type { ApiOptions } from "./context.ts";
import { showFrame } from "./frames.ts";
import { identify, principalOf } from "./guard.ts";
import type { LiveFeed } from "./live-feed.ts";
import type { Credentials, Principal } from "./principal.ts";
import type { Privacy } from "./privacy.ts";
import { Problem } from "./problems.ts";
import { stationIdOf } from "./routes-stations.ts";
import { answers } from "./schemas.ts";

const clientsMax = 200;
const unsentBytesMax = 1024 * 1024;
/** Below the idle time-outs of common proxies. */
const heartbeatMs = 15_000;
const retryMs = 3_000;

export class LiveClients {
  private readonly open = new Set<Client>();

  get full(): boolean {
    return this.open.size >= clientsMax;
  }

  add(client: Client): void {
    this.open.add(client);
  }

  remove(client: Client): void {
    this.open.delete(client);
  }

  closeAll(): void {
    for (const client of this.open) client.close();
  }
}

interface Client {
  close(): void;
}

export function installLive(
  app: FastifyInstance,
  context: ApiOptions,
  feed: LiveFeed,
  clients: LiveClients,
  credentials: Credentials,
  privacy: Privacy,
): void {
  app.get<{ Querystring: { station?: string } }>("/api/v1/live", {
    config: { role: "viewer" },
    schema: {
      tags: ["Live"],
      summary:
        "Server-sent events: `status`, `session`, `command`, with ?station= also its `frame`s; `reset`: load again",
      querystring: {
        type: "object",
        additionalProperties: false,
        properties: { station: { type: "string", minLength: 1, maxLength: 48 } },
      },
      response: answers({ 200: { type: "string" } }, 503),
      produces: ["text/event-stream"],
    },
    handler: async (request, reply) => {
      if (clients.full)
        throw new Problem("unavailable", "Too many live streams are open; close some, or poll the lists.");
      const principal = principalOf(request);
      const station = request.query.station === undefined ? undefined : stationIdOf(request.query.station);
      // A key that is taken back ends its streams as well.
      const stillValid = () => identify(request, credentials) !== null;
      const stream = new Stream(context, feed, clients, principal, stillValid, (data) => privacy.seen(principal, data));
      await stream.begin(request, reply, station);
      return reply;
    },
  });
}

class Stream implements Client {
  private readonly context: ApiOptions;
  private readonly feed: LiveFeed;
  private readonly clients: LiveClients;
  private readonly principal: Principal;
  private readonly stillValid: () => boolean;
  private readonly seen: (data: unknown) => unknown;
  private reply: FastifyReply | undefined;
  private heartbeat: Timer | undefined;
  private frames: Subscription | undefined;
  private endFeed: (() => void) | undefined;
  private closed = false;

  constructor(
    context: ApiOptions,
    feed: LiveFeed,
    clients: LiveClients,
    principal: Principal,
    stillValid: () => boolean,
    seen: (data: unknown) => unknown,
  ) {
    this.context = context;
    this.feed = feed;
    this.clients = clients;
    this.principal = principal;
    this.stillValid = stillValid;
    this.seen = seen;
  }

  async begin(request: FastifyRequest, reply: FastifyReply, station: StationId | undefined): Promise<void> {
    const from = station === undefined ? undefined : await this.frameEnd(station);
    this.reply = reply;
    const headers = Object.entries(reply.getHeaders()).filter(
      (header): header is [string, string] => header[1] !== undefined,
    );
    reply.hijack();
    reply.raw.writeHead(200, {
      ...Object.fromEntries(headers),
      "content-type": "text/event-stream; charset=utf-8",
      "cache-control": "no-store",
      // For nginx: do not gather what is meant to be live.
      "x-accel-buffering": "no",
    });
    this.clients.add(this);
    request.raw.on("close", () => this.close());
    reply.raw.on("error", () => this.close());
    this.write(`retry: ${retryMs}\nevent: hello\ndata: {}\n\n`);
    this.endFeed = this.feed.subscribe(({ party, event, data }) => {
      if (party === this.principal.party) this.send(event, data);
    });
    if (station !== undefined && from !== undefined) this.follow(this.principal.party, station, from);
    this.beat();
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.heartbeat?.cancel();
    this.endFeed?.();
    this.clients.remove(this);
    this.frames?.stop().catch(() => undefined);
    this.reply?.raw.end();
  }

  private frameEnd(station: StationId): Promise<number> {
    const { frames } = this.context.log.topics;
    return this.context.log.endOffset(frames, partitionOf(logKey(this.principal.party, station), frames.partitions));
  }

  /** Straight from the log: shown before anything was folded. */
  private follow(party: PartyId, station: StationId, from: number): void {
    const { log, logger } = this.context;
    const topic = log.topics.frames;
    const key = logKey(party, station);
    this.frames = log.consume(topic, partitionOf(key, topic.partitions), from, ({ records }) => {
      for (const record of records) if (record.key === key) this.send("frame", showFrame(record));
      return Promise.resolve();
    });
    this.frames.done.catch((error: unknown) => {
      logger.warn({ err: error }, "a live stream lost the log");
      this.close();
    });
  }

  private send(event: string, data: unknown): void {
    this.write(`event: ${event}\ndata: ${JSON.stringify(this.seen(data))}\n\n`);
  }

  private write(text: string): void {
    if (this.closed || !this.reply) return;
    this.reply.raw.write(text);
    if (this.reply.raw.writableLength > unsentBytesMax) {
      this.reply.raw.destroy();
      this.close();
    }
  }

  private beat(): void {
    this.heartbeat = this.context.clock.after(heartbeatMs, () => {
      if (!this.stillValid()) return this.close();
      this.write(": alive\n\n");
      this.beat();
    });
  }
}
