// Configuration beside its template: of a station, and of the fleet.
import type { FastifyInstance } from "fastify";

import { asProtocol } from "./command-check.ts";
import { compare } from "./configuration.ts";
import { driftAfter } from "./configuration-drift.ts";
import { Applicable, documentNameSchema } from "./applies-to.ts";
import { entryProperties, templateOf } from "./configuration-templates.ts";
import type { ApiOptions } from "./context.ts";
import { principalOf } from "./guard.ts";
import { decodeCursor, encodeCursor, type PageQuery } from "./paging.ts";
import { Problem } from "./problems.ts";
import { stationIdOf } from "./routes-stations.ts";
import { answers, listQuery, nullableText, pageSchema, stationIdParam } from "./schemas.ts";
import { loadStation } from "./stations.ts";

export function installConfiguration(app: FastifyInstance, context: ApiOptions): void {
  installComparison(app, context);
  installDrift(app, context);
}

// --- comparison ---

const comparison = {
  type: "object",
  properties: {
    template: { type: "string" },
    items: {
      type: "array",
      items: {
        type: "object",
        properties: {
          ...entryProperties,
          status: {
            type: "string",
            enum: ["same", "differs", "missing", "read_only", "reboot_pending"],
            description:
              "missing: the station never said that it has it; read_only: it differs and cannot be changed; " +
              "reboot_pending: accepted, in force after the station's restart",
          },
          stationValue: nullableText,
        },
      },
    },
  },
} as const;

function installComparison(app: FastifyInstance, context: ApiOptions): void {
  app.get<{ Params: { id: string }; Querystring: { template?: string } }>(
    "/api/v1/stations/:id/configuration/comparison",
    {
      config: { role: "viewer" },
      schema: {
        tags: ["Configuration"],
        summary: "The station's configuration beside a template, by default the one that applies to it",
        params: stationIdParam,
        querystring: { type: "object", additionalProperties: false, properties: { template: documentNameSchema } },
        response: answers({ 200: comparison }, 400, 404),
      },
      handler: async (request) => {
        const { party } = principalOf(request);
        const id = stationIdOf(request.params.id);
        const station = await loadStation(context, party, id);
        if (!station)
          throw new Problem("not-found", "There is no station with this id. GET /api/v1/stations lists them.");
        const wanted = request.query.template;
        const template =
          wanted === undefined
            ? new Applicable(context.registry, party, "configurationTemplate").of({ ...station, station: id })
            : templateOf(context.registry, party, wanted);
        if (!template) throw new Problem("not-found", "No template applies to this station; name one by ?template=.");
        const compared = await compare(context, party, id, asProtocol(station.protocol), template.entries);
        return {
          template: template.id,
          items: compared.map(({ entry, status, stationValue }) => ({ ...entry, status, stationValue })),
        };
      },
    },
  );
}

// --- drift ---

const driftSchema = {
  type: "object",
  properties: {
    stationId: { type: "string" },
    templateId: { type: "string", description: "The template that applies" },
    same: { type: "integer" },
    differs: { type: "integer" },
    missing: { type: "integer" },
    readOnly: { type: "integer" },
    rebootPending: { type: "integer" },
  },
} as const;

function installDrift(app: FastifyInstance, context: ApiOptions): void {
  app.get<{ Querystring: PageQuery & { template?: string } }>("/api/v1/configuration/drift", {
    config: { role: "viewer" },
    schema: {
      tags: ["Configuration"],
      summary: "Stations whose values are not those of the template that applies, by id; a page may be short and go on",
      querystring: listQuery({ template: { ...documentNameSchema, description: "Only where this one applies" } }),
      response: answers({ 200: pageSchema(driftSchema) }, 400, 404),
    },
    handler: async (request) => {
      const { party } = principalOf(request);
      const { limit, cursor, template } = request.query;
      if (template !== undefined) templateOf(context.registry, party, template);
      const after = decodeCursor(cursor, ["string"])?.[0] ?? "";
      const { items, next } = await driftAfter(context, party, template, after, limit);
      return next === undefined ? { items } : { items, nextCursor: encodeCursor([next]) };
    },
  });
}
