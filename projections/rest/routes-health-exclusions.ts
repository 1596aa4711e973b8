// /api/v1/health/exclusions: time that does not count, with who says so and why.
import { randomUUID } from "node:crypto";
import type { FastifyInstance } from "fastify";

import type { ExclusionScope, OutageExclusionDoc } from "../../core/registry/entities.ts";
import { causes, exclusionCauses, type ExclusionCause } from "../health/exclusions.ts";
import { documentIdSchema, text } from "./applies-to.ts";
import type { ApiOptions } from "./context.ts";
import { time } from "./format.ts";
import { principalOf } from "./guard.ts";
import { decodeCursor, encodeCursor, type PageQuery } from "./paging.ts";
import { Problem } from "./problems.ts";
import { etag, parseIfMatch, writeEntity } from "./registry-writer.ts";
import { answers, idParam, listQuery, pageSchema, timeFilter } from "./schemas.ts";
import { firstAbove, sortedIds } from "./sorted-ids.ts";

const scopeSchema = {
  type: "object",
  additionalProperties: false,
  minProperties: 1,
  description: "All that is given must hold",
  properties: {
    stations: { type: "array", minItems: 1, maxItems: 10_000, items: text(48) },
    evseId: { type: "integer", minimum: 1, description: "Of these stations; absent: every EVSE" },
    vendor: text(100),
    locationId: text(36),
    carrier: text(100),
    siteGroup: text(100),
  },
} as const;

const meanings = causes.map(
  (cause) => `${cause}${exclusionCauses[cause].byNevi ? " (NEVI)" : ""}: ${exclusionCauses[cause].says}`,
);

const given = {
  cause: { type: "string", enum: causes, description: meanings.join("; ") },
  why: { ...text(1_000), description: "For whoever audits it, e.g. the utility's ticket" },
  from: { ...timeFilter, description: "Log time" },
  to: { ...timeFilter, description: "Exclusive" },
  appliesTo: scopeSchema,
} as const;

const exclusionSchema = {
  type: "object",
  properties: {
    id: { type: "string" },
    ...given,
    countsForNevi: { type: "boolean", description: "23 CFR 680.116(b)(3) names the cause" },
    by: { type: "string", description: "API key that entered this version" },
    enteredAt: { type: "string", format: "date-time" },
  },
} as const;

interface Input {
  readonly id?: string;
  readonly cause: ExclusionCause;
  readonly why: string;
  readonly from: string;
  readonly to: string;
  readonly appliesTo: ExclusionScope;
}

export function installHealthExclusions(app: FastifyInstance, context: ApiOptions): void {
  installReads(app, context);
  app.post<{ Body: Input }>("/api/v1/health/exclusions", {
    config: { role: "operator" },
    schema: {
      tags: ["Station health"],
      summary: "Time that does not count as an outage; with the id of one that exists, another version of it",
      body: {
        type: "object",
        additionalProperties: false,
        required: ["cause", "why", "from", "to", "appliesTo"],
        properties: { id: documentIdSchema, ...given },
      },
      response: answers({ 200: exclusionSchema, 201: exclusionSchema }, 412, 422, 503),
    },
    handler: async (request, reply) => {
      const principal = principalOf(request);
      const doc = docOf(request.body, principal.actor, context.clock.now());
      const expected = parseIfMatch(request.headers["if-match"]) ?? null;
      const written = await writeEntity(context, principal, "outageExclusion", doc.id, doc, expected);
      return reply
        .code(written.created ? 201 : 200)
        .header("etag", etag(written.version))
        .send(show(doc));
    },
  });

  app.delete<{ Params: { id: string } }>("/api/v1/health/exclusions/:id", {
    config: { role: "operator" },
    schema: {
      tags: ["Station health"],
      summary: "Withdraw one; the registry keeps who entered and who withdrew it",
      params: idParam,
      response: answers({ 204: { type: "null" } }, 404, 412, 503),
    },
    handler: async (request, reply) => {
      const principal = principalOf(request);
      const { id } = request.params;
      const found = context.registry.find(principal.party, "outageExclusion", id);
      if (!found) throw unknown();
      const expected = parseIfMatch(request.headers["if-match"]) ?? null;
      await writeEntity(context, principal, "outageExclusion", id, null, expected);
      return reply.code(204).send();
    },
  });
}

function installReads(app: FastifyInstance, context: ApiOptions): void {
  app.get<{ Querystring: PageQuery & { from?: string; to?: string } }>("/api/v1/health/exclusions", {
    config: { role: "viewer" },
    schema: {
      tags: ["Station health"],
      summary: "Time that does not count as an outage, and whose word that is",
      querystring: listQuery({
        from: { ...timeFilter, description: "Those that end after it" },
        to: { ...timeFilter, description: "Those that begin before it" },
      }),
      response: answers({ 200: pageSchema(exclusionSchema) }, 400),
    },
    handler: (request) => {
      const { limit, cursor, from, to } = request.query;
      const { party } = principalOf(request);
      const { registry } = context;
      const ids = sortedIds(registry, party, "outageExclusion");
      const after = decodeCursor(cursor, ["string"])?.[0] ?? "";
      const found = ids
        .slice(firstAbove(ids, after))
        .flatMap((id) => registry.find(party, "outageExclusion", id)?.doc ?? [])
        .filter((doc) => from === undefined || doc.to > Date.parse(from))
        .filter((doc) => to === undefined || doc.from < Date.parse(to));
      const items = found.slice(0, limit).map(show);
      return Promise.resolve(
        found.length > limit ? { items, nextCursor: encodeCursor([items.at(-1)!.id]) } : { items },
      );
    },
  });

  app.get<{ Params: { id: string } }>("/api/v1/health/exclusions/:id", {
    config: { role: "viewer" },
    schema: {
      tags: ["Station health"],
      summary: "One exclusion",
      params: idParam,
      response: answers({ 200: exclusionSchema }, 404),
    },
    handler: (request, reply) => {
      const found = context.registry.find(principalOf(request).party, "outageExclusion", request.params.id);
      if (!found) throw unknown();
      return reply.header("etag", etag(found.version)).send(show(found.doc));
    },
  });
}

/** @throws Problem `invalid` */
function docOf(input: Input, by: string, now: number): OutageExclusionDoc {
  const [from, to] = [Date.parse(input.from), Date.parse(input.to)];
  if (to <= from) throw new Problem("invalid", "It ends before it begins.", { path: "/to" });
  const { id, cause, why, appliesTo } = input;
  return { id: id ?? randomUUID(), cause, why, from, to, appliesTo, by, enteredAt: now };
}

function unknown(): Problem {
  return new Problem("not-found", "There is no such exclusion. GET /api/v1/health/exclusions lists them.");
}

function show(doc: OutageExclusionDoc) {
  const { id, cause, why, appliesTo, by } = doc;
  return {
    id,
    cause,
    why,
    from: time(doc.from),
    to: time(doc.to),
    appliesTo,
    countsForNevi: exclusionCauses[cause as ExclusionCause]?.byNevi ?? false,
    by,
    enteredAt: time(doc.enteredAt),
  };
}
