// /api/v1/stations/{id}/local-list/sync: brings a station's local authorisation list to what the registry says.
import type { FastifyInstance } from "fastify";

import { limits } from "../../core/config/limits.ts";
import { Applicable, documentNameSchema } from "./applies-to.ts";
import type { CommandSender } from "./command-sender.ts";
import { connectedProtocol, Patience } from "./connected.ts";
import type { ApiOptions } from "./context.ts";
import { principalOf } from "./guard.ts";
import type { LocalListSync } from "./local-list-sync.ts";
import { Problem } from "./problems.ts";
import { stationIdOf } from "./routes-stations.ts";
import { answers, nullableText, stationIdParam } from "./schemas.ts";
import { loadStation } from "./stations.ts";

const syncedSchema = {
  type: "object",
  properties: {
    list: { type: "string", description: "The list of the registry that applies" },
    result: {
      type: "string",
      enum: ["in_step", "unchanged", "refused", "unsupported", "unfinished"],
      description:
        "unchanged: nothing had to be sent; refused: the station did not take it, see the last message; unsupported: it " +
        "has no such list; unfinished: the wait was over or a message was not delivered, ask again",
    },
    versionBefore: { type: ["integer", "null"], description: "That the station said it has" },
    version: { type: ["integer", "null"], description: "That it has now" },
    entries: { type: "integer" },
    messages: {
      type: "array",
      items: {
        type: "object",
        properties: {
          commandId: { type: "string" },
          updateType: { type: "string", enum: ["Full", "Differential"] },
          version: { type: "integer" },
          entries: { type: "integer" },
          outcome: nullableText,
          status: {
            ...nullableText,
            description: "The station's word: Accepted, Failed, VersionMismatch, NotSupported",
          },
        },
      },
    },
  },
} as const;

export function installLocalList(
  app: FastifyInstance,
  context: ApiOptions,
  sender: CommandSender,
  lists: LocalListSync,
): void {
  app.post<{ Params: { id: string }; Querystring: { wait: number; list?: string } }>(
    "/api/v1/stations/:id/local-list/sync",
    {
      config: { role: "operator" },
      schema: {
        tags: ["Local lists"],
        summary:
          "Bring the station's local authorisation list to what the registry says: the difference where its version is ours, else all",
        params: stationIdParam,
        querystring: {
          type: "object",
          additionalProperties: false,
          properties: {
            wait: {
              type: "number",
              minimum: 1,
              maximum: limits.commandTimeoutSecondsMax,
              default: 60,
              description: "Seconds for all of it",
            },
            list: { ...documentNameSchema, description: "Instead of the list that applies" },
          },
        },
        response: answers({ 200: syncedSchema }, 404, 409, 422, 429, 503),
      },
      handler: async (request) => {
        const principal = principalOf(request);
        const station = stationIdOf(request.params.id);
        const list = await listFor(context, principal.party, station, request.query.list);
        const protocol = await connectedProtocol(context, principal.party, station);
        const patience = new Patience(context.clock, request.query.wait);
        const synced = await lists.sync({ context, sender, principal, station, protocol, patience }, list);
        return { list: list.id, ...synced };
      },
    },
  );
}

async function listFor(
  context: ApiOptions,
  party: Parameters<typeof loadStation>[1],
  station: ReturnType<typeof stationIdOf>,
  wanted: string | undefined,
) {
  if (wanted !== undefined) {
    const named = context.registry.find(party, "localList", wanted)?.doc;
    if (named) return named;
    throw new Problem("not-found", "There is no such local list. GET /api/v1/local-lists lists them.", {
      path: "list",
    });
  }
  const found = await loadStation(context, party, station);
  if (!found) throw new Problem("not-found", "There is no station with this id. GET /api/v1/stations lists them.");
  const list = new Applicable(context.registry, party, "localList").of({ ...found, station });
  if (list) return list;
  throw new Problem("not-found", "No local list applies to this station; name one by ?list=, or add one that does.");
}
