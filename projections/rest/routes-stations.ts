// /api/v1/stations
import { Ajv } from "ajv";
import type { FastifyInstance } from "fastify";

import { parseStationId, type PartyId, type StationId } from "../../core/ids/ids.ts";
import type { StationDoc } from "../../core/registry/entities.ts";
import { hashPassword, verifyPassword } from "../../core/registry/password.ts";
import type { ApiOptions } from "./context.ts";
import { principalOf } from "./guard.ts";
import { decodeCursor, encodeCursor, type PageQuery } from "./paging.ts";
import type { Principal } from "./principal.ts";
import { Problem } from "./problems.ts";
import { installImport } from "./registry-import.ts";
import { etag, parseIfMatch, writeEntity, type Written } from "./registry-writer.ts";
import { answers, listQuery, pageSchema, stationIdParam, stationSchema } from "./schemas.ts";
import { listStations, loadStation, type StationFilter } from "./stations.ts";

/** What a caller may write; everything else of a station comes from the station itself. */
interface StationInput {
  readonly id?: string;
  readonly acceptance?: StationDoc["acceptance"];
  readonly password?: string | null;
  readonly securityProfile?: number | null;
  readonly validation?: "lenient" | "strict" | null;
  readonly locationId?: string | null;
  readonly serialNumber?: string | null;
  readonly carrier?: string | null;
  readonly siteGroup?: string | null;
}

const inputProperties = {
  acceptance: { type: "string", enum: ["accepted", "pending", "rejected"] },
  password: {
    type: ["string", "null"],
    minLength: 8,
    maxLength: 64,
    description: "Basic auth (profiles 1, 2); never returned. null removes it",
  },
  securityProfile: {
    type: ["integer", "null"],
    minimum: 0,
    maximum: 3,
    description: "Lowest profile it may connect with",
  },
  validation: { enum: ["lenient", "strict", null] },
  locationId: { type: ["string", "null"], minLength: 1, maxLength: 36 },
  serialNumber: {
    type: ["string", "null"],
    minLength: 1,
    maxLength: 50,
    description: "Common name (CN) in its certificate (profile 3); null: its id",
  },
  carrier: { type: ["string", "null"], minLength: 1, maxLength: 100, description: "Whose SIM it connects by" },
  siteGroup: {
    type: ["string", "null"],
    minLength: 1,
    maxLength: 100,
    description: "Health is told and alerted by it",
  },
} as const;

const inputSchema = {
  type: "object",
  required: ["id"],
  additionalProperties: false,
  properties: { id: { type: "string", minLength: 1, maxLength: 48 }, ...inputProperties },
} as const;

const stationAnswer = (...statuses: readonly number[]) => Object.fromEntries(statuses.map((s) => [s, stationSchema]));

// A write without If-Match is repeated on what somebody else wrote in between.
const attempts = 3;

export function installStations(app: FastifyInstance, context: ApiOptions): void {
  installReads(app, context);
  installWrites(app, context);
  installImport<"station">(app, context, {
    entity: "station",
    path: "/api/v1/stations",
    tag: "Stations",
    writer: "operator",
    idField: "id",
    valid: new Ajv({ strict: false, allErrors: false }).compile(inputSchema),
    keyOf: (row) => stationIdOf((row as { id: string }).id, "invalid"),
    next: (current, row) => {
      const input = row as StationInput & { id: StationId };
      return changedStation(current ?? { id: input.id, acceptance: "accepted" }, input, context.clock.now());
    },
  });
}

function installReads(app: FastifyInstance, context: ApiOptions): void {
  app.get<{ Querystring: PageQuery & StationFilter }>("/api/v1/stations", {
    config: { role: "viewer" },
    schema: {
      tags: ["Stations"],
      summary: "Every station, by id",
      querystring: listQuery({
        search: { type: "string", maxLength: 100, description: "Part of id, vendor, model, serial or location" },
        online: { type: "boolean" },
        acceptance: inputProperties.acceptance,
      }),
      response: answers({ 200: pageSchema(stationSchema) }, 400),
    },
    handler: async (request) => {
      const { limit, cursor, ...filter } = request.query;
      const after = decodeCursor(cursor, ["string"])?.[0] ?? "";
      const { items, next } = await listStations(context, principalOf(request).party, filter, after, limit);
      return next === undefined ? { items } : { items, nextCursor: encodeCursor([next]) };
    },
  });

  app.get<{ Params: { id: string } }>("/api/v1/stations/:id", {
    config: { role: "viewer" },
    schema: {
      tags: ["Stations"],
      summary: "One station",
      params: stationIdParam,
      response: answers(stationAnswer(200), 404),
    },
    handler: async (request, reply) => {
      const station = await existing(context, principalOf(request).party, request.params.id);
      if (station.version !== null) void reply.header("etag", etag(station.version));
      return station;
    },
  });
}

function installWrites(app: FastifyInstance, context: ApiOptions): void {
  app.post<{ Body: StationInput & { id: string } }>("/api/v1/stations", {
    config: { role: "operator" },
    schema: {
      tags: ["Stations"],
      summary: "Register a station, or change it where it is known",
      body: inputSchema,
      response: answers(stationAnswer(200, 201), 412, 422, 503),
    },
    handler: async (request, reply) => {
      const principal = principalOf(request);
      const id = stationIdOf(request.body.id, "invalid");
      const written = await change(context, principal, id, request.body, undefined, true);
      const station = await existing(context, principal.party, id);
      return reply
        .code(written.created ? 201 : 200)
        .header("etag", etag(written.version))
        .send(station);
    },
  });

  app.patch<{ Params: { id: string }; Body: StationInput }>("/api/v1/stations/:id", {
    config: { role: "operator" },
    schema: {
      tags: ["Stations"],
      summary: "Change a station; approve or reject it with `acceptance`",
      params: stationIdParam,
      headers: { type: "object", properties: { "if-match": { type: "string", description: "ETag that you saw" } } },
      body: { type: "object", additionalProperties: false, minProperties: 1, properties: inputProperties },
      response: answers(stationAnswer(200), 404, 412, 422, 503),
    },
    handler: async (request, reply) => {
      const principal = principalOf(request);
      const { id } = await existing(context, principal.party, request.params.id);
      const expected = parseIfMatch(request.headers["if-match"]);
      const written = await change(context, principal, stationIdOf(id), request.body, expected, false);
      return reply.header("etag", etag(written.version)).send(await existing(context, principal.party, id));
    },
  });

  app.delete<{ Params: { id: string } }>("/api/v1/stations/:id", {
    config: { role: "operator" },
    schema: {
      tags: ["Stations"],
      summary: "Remove a station from the registry; its sessions and CDRs stay",
      params: stationIdParam,
      response: answers({ 204: { type: "null" } }, 404, 412, 503),
    },
    handler: async (request, reply) => {
      const principal = principalOf(request);
      const id = stationIdOf(request.params.id);
      const entry = context.registry.find(principal.party, "station", id);
      if (!entry) throw new Problem("not-found", "This station is not registered.");
      const expected = parseIfMatch(request.headers["if-match"]) ?? null;
      await writeEntity(context, principal, "station", id, null, expected);
      return reply.code(204).send();
    },
  });
}

async function change(
  context: ApiOptions,
  principal: Principal,
  id: StationId,
  input: StationInput,
  ifMatch: number | undefined,
  mayCreate: boolean,
): Promise<Written> {
  for (let attempt = 1; ; attempt++) {
    const entry = context.registry.find(principal.party, "station", id);
    const doc = changedStation(entry?.doc ?? { id, acceptance: "accepted" }, input, context.clock.now());
    // A station that only connected so far is registered by its first change, also by a PATCH.
    const expected = ifMatch ?? entry?.version ?? 0;
    try {
      return await writeEntity(context, principal, "station", id, doc, expected);
    } catch (error) {
      const lost = error instanceof Problem && error.kind === "version-conflict";
      if (!lost || ifMatch !== undefined || attempt === attempts) throw error;
      if (!mayCreate && !context.registry.find(principal.party, "station", id)) throw error;
    }
  }
}

function changedStation(doc: StationDoc, input: StationInput, now: number): StationDoc {
  const changed: Record<string, unknown> = { ...doc };
  if (input.acceptance !== undefined) changed["acceptance"] = input.acceptance;
  for (const name of ["securityProfile", "validation", "locationId", "serialNumber", "carrier", "siteGroup"] as const) {
    const value = input[name];
    if (value === null) delete changed[name];
    else if (value !== undefined) changed[name] = value;
  }
  if (input.password === null) {
    delete changed["password"];
    delete changed["previousPassword"];
    delete changed["passwordChangedAt"];
  } else if (input.password !== undefined && !isKey(doc, input.password)) {
    changed["password"] = hashPassword(input.password);
    // The station may still hold the old key: both are good until its first login with the new one. Where a change
    // before this one still waits for that login, the old key is the one before both.
    if (doc.password) {
      changed["previousPassword"] = doc.previousPassword ?? doc.password;
      changed["passwordChangedAt"] = (doc.previousPassword && doc.passwordChangedAt) ?? now;
    }
  }
  return changed as unknown as StationDoc;
}

/** A list that is imported a second time must not end the keys that its stations still hold. */
function isKey({ password }: StationDoc, text: string): boolean {
  return password !== undefined && verifyPassword(password, Buffer.from(text));
}

/** @throws Problem `not-found` */
async function existing(context: ApiOptions, party: PartyId, id: string) {
  const station = await loadStation(context, party, stationIdOf(id));
  if (!station) throw new Problem("not-found", "There is no station with this id. GET /api/v1/stations lists them.");
  return station;
}

export function stationIdOf(text: string, otherwise: "not-found" | "invalid" = "not-found"): StationId {
  const id = parseStationId(text);
  if (id) return id;
  const detail = "A station's id has 1 to 48 characters out of A-Z a-z 0-9 * + - _ . @ | =";
  throw new Problem(otherwise, detail, otherwise === "invalid" ? { path: "/id" } : {});
}
