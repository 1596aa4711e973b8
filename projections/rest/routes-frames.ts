// /api/v1/frames: what a station really sent and what it was answered.
import type { FastifyInstance } from "fastify";

import type { ApiOptions } from "./context.ts";
import { readFrames } from "./frames.ts";
import { principalOf } from "./guard.ts";
import { decodeCursor, encodeCursor, type PageQuery } from "./paging.ts";
import { stationIdOf } from "./routes-stations.ts";
import { answers, listQuery, nullableText, pageSchema, timeFilter } from "./schemas.ts";

const frameSchema = {
  type: "object",
  properties: {
    offset: { type: "integer" },
    time: { type: "string", format: "date-time", description: "Log time" },
    kind: { type: "string", description: "exchange, commandRequested, commandResult, connected, …" },
    direction: { type: "string", enum: ["fromStation", "toStation"] },
    action: { type: "string" },
    messageId: { type: "string" },
    frame: { type: "string", description: "Verbatim" },
    answer: { ...nullableText, description: "Verbatim" },
    annotations: { type: "array", items: { type: "string" } },
  },
  additionalProperties: true,
} as const;

type FramesQuery = PageQuery & { station: string; from?: string; to?: string; order: "asc" | "desc" };

export function installFrames(app: FastifyInstance, context: ApiOptions): void {
  const querystring = listQuery({
    station: { type: "string", minLength: 1, maxLength: 48 },
    from: timeFilter,
    to: timeFilter,
    order: { type: "string", enum: ["asc", "desc"], default: "asc", description: "desc: the newest first" },
  });
  app.get<{ Querystring: FramesQuery }>("/api/v1/frames", {
    config: { role: "viewer" },
    schema: {
      tags: ["Frames"],
      summary: "Frames of one station with their answers, verbatim. A page may be empty and still have a nextCursor",
      querystring: { ...querystring, required: ["station"] },
      response: answers({ 200: pageSchema(frameSchema) }, 400, 404),
    },
    handler: async (request) => {
      const { station, from, to, order, limit, cursor } = request.query;
      const { items, resume } = await readFrames(context, {
        party: principalOf(request).party,
        station: stationIdOf(station),
        from: from === undefined ? 0 : Date.parse(from),
        to: to === undefined ? Number.MAX_SAFE_INTEGER : Date.parse(to),
        order,
        limit,
        resume: decodeCursor(cursor, ["number"])?.[0],
      });
      return resume === undefined ? { items } : { items, nextCursor: encodeCursor([resume]) };
    },
  });
}
