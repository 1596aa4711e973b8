// Tokens, tariffs, locations, configuration templates, local lists, meters' public keys: documents of the registry, written with POST (upsert), PATCH and DELETE.
import type { FastifyInstance, FastifyRequest, RequestGenericInterface } from "fastify";
import { Ajv } from "ajv";
import addFormats from "ajv-formats";

import type { PartyId } from "../../core/ids/ids.ts";
import { tokenKey, type EntityDocs } from "../../core/registry/entities.ts";
import { tariffFaults } from "../../core/price/tariff-faults.ts";
import { checkEntries, templateSchema } from "./configuration-templates.ts";
import type { ApiOptions } from "./context.ts";
import { localListSchema, locationSchema, tariffSchema, tokenSchema } from "./entity-schemas.ts";
import { principalOf } from "./guard.ts";
import { checkMeterKeys, meterKeysSchema } from "./meter-keys.ts";
import { decodeCursor, encodeCursor, type PageQuery } from "./paging.ts";
import type { Role } from "./principal.ts";
import type { Privacy } from "./privacy.ts";
import { Problem } from "./problems.ts";
import { installImport } from "./registry-import.ts";
import { refuse } from "./routes-price.ts";
import { etag, mergePatch, parseIfMatch, writeEntity } from "./registry-writer.ts";
import { answers, idParam, listQuery, pageSchema } from "./schemas.ts";
import { firstAbove, sortedIds } from "./sorted-ids.ts";

type Entity = "token" | "tariff" | "location" | "configurationTemplate" | "localList" | "meterKeys";

interface Resource<Kind extends Entity> {
  readonly entity: Kind;
  readonly path: string;
  readonly tag: string;
  readonly schema: object;
  readonly writer: Role;
  readonly idField: string;
  /** The key in the registry; the document keeps the spelling it came with. */
  readonly keyOf: (doc: EntityDocs[Kind]) => string;
  readonly normalise: (id: string) => string;
  /** What a schema cannot say. @throws Problem */
  readonly check?: (doc: EntityDocs[Kind]) => void;
}

const same = (id: string) => id;

const resources: readonly [
  Resource<"token">,
  Resource<"tariff">,
  Resource<"location">,
  Resource<"configurationTemplate">,
  Resource<"localList">,
  Resource<"meterKeys">,
] = [
  {
    entity: "token",
    path: "/api/v1/tokens",
    tag: "Tokens",
    schema: tokenSchema,
    writer: "operator",
    idField: "uid",
    keyOf: (token) => tokenKey(token.uid),
    normalise: tokenKey,
  },
  {
    entity: "tariff",
    path: "/api/v1/tariffs",
    tag: "Tariffs",
    schema: tariffSchema,
    writer: "admin",
    idField: "id",
    keyOf: (tariff) => tariff.id,
    normalise: same,
    check: (tariff) => refuse("tariff", tariffFaults(tariff), ""),
  },
  {
    entity: "location",
    path: "/api/v1/locations",
    tag: "Locations",
    schema: locationSchema,
    writer: "admin",
    idField: "id",
    keyOf: (location) => location.id,
    normalise: same,
    check: ({ time_zone }) => {
      if (time_zone === undefined || isTimeZone(time_zone)) return;
      throw new Problem("invalid", "time_zone must be an IANA name, e.g. Europe/Berlin.", { path: "/time_zone" });
    },
  },
  {
    entity: "configurationTemplate",
    path: "/api/v1/configuration-templates",
    tag: "Configuration",
    schema: templateSchema,
    writer: "operator",
    idField: "id",
    keyOf: (template) => template.id,
    normalise: same,
    check: ({ entries }) => checkEntries(entries, "/entries"),
  },
  {
    entity: "localList",
    path: "/api/v1/local-lists",
    tag: "Local lists",
    schema: localListSchema,
    writer: "operator",
    idField: "id",
    keyOf: (list) => list.id,
    normalise: same,
  },
  {
    entity: "meterKeys",
    path: "/api/v1/meter-keys",
    tag: "Meter keys",
    schema: meterKeysSchema,
    writer: "admin",
    idField: "id",
    keyOf: (keys) => keys.id,
    normalise: same,
    check: checkMeterKeys,
  },
];

export function installRegistry(app: FastifyInstance, context: ApiOptions, privacy: Privacy): void {
  const [tokens, tariffs, locations, templates, localLists, meterKeys] = resources;
  install(app, context, tokens, (request) => privacy.inRegistry(principalOf(request), request.params.id));
  install(app, context, tariffs);
  install(app, context, locations);
  install(app, context, templates);
  install(app, context, localLists);
  install(app, context, meterKeys);
}

interface ById extends RequestGenericInterface {
  readonly Params: { id: string };
}

/** The id that a request's address names. */
type IdOf = (request: FastifyRequest<ById>) => string | Promise<string>;

const asGiven: IdOf = ({ params }) => params.id;

// A patch is checked as the document that it makes.
const ajv = addFormats.default(new Ajv({ strict: false, allErrors: false }));

function install<Kind extends Entity>(
  app: FastifyInstance,
  context: ApiOptions,
  resource: Resource<Kind>,
  idOf: IdOf = asGiven,
): void {
  installReads(app, context, resource, idOf);
  installDelete(app, context, resource, idOf);
  const valid = ajv.compile(resource.schema);
  const { entity, path, tag, schema, writer, idField, keyOf, normalise, check } = resource;
  installImport<Kind>(app, context, {
    entity,
    path,
    tag,
    writer,
    idField,
    valid,
    keyOf: (row) => {
      check?.(row as EntityDocs[Kind]);
      return keyOf(row as EntityDocs[Kind]);
    },
    next: (_current, row) => row as EntityDocs[Kind],
  });

  app.post<{ Body: object }>(path, {
    config: { role: writer },
    schema: {
      tags: [tag],
      summary: `Add a ${entity}, or replace it where it exists`,
      body: schema,
      response: answers({ 200: schema, 201: schema }, 412, 422, 503),
    },
    handler: async (request, reply) => {
      const doc = request.body as EntityDocs[Kind];
      check?.(doc);
      const expected = parseIfMatch(request.headers["if-match"]) ?? null;
      const written = await writeEntity(context, principalOf(request), entity, keyOf(doc), doc, expected);
      return reply
        .code(written.created ? 201 : 200)
        .header("etag", etag(written.version))
        .send(doc);
    },
  });

  app.patch<{ Params: { id: string }; Body: object }>(`${path}/:id`, {
    config: { role: writer },
    schema: {
      tags: [tag],
      summary: `Change a ${entity} (RFC 7396: null removes a field), on the version named by If-Match`,
      params: idParam,
      headers: { type: "object", properties: { "if-match": { type: "string", description: "ETag that you saw" } } },
      body: { type: "object", additionalProperties: true, minProperties: 1 },
      response: answers({ 200: schema }, 404, 412, 422, 503),
    },
    handler: async (request, reply) => {
      const principal = principalOf(request);
      const id = await idOf(request);
      const { doc, version } = existing(context, principal.party, resource, id);
      const expected = parseIfMatch(request.headers["if-match"]) ?? version;
      const merged = mergePatch(doc, request.body) as EntityDocs[Kind];
      if (!valid(merged)) throw invalid(valid.errors?.[0]);
      if (keyOf(merged) !== normalise(id)) {
        throw new Problem("invalid", `A ${entity} keeps its id; remove it and add another.`, { path: "/id" });
      }
      check?.(merged);
      const written = await writeEntity(context, principal, entity, keyOf(merged), merged, expected);
      return reply.header("etag", etag(written.version)).send(merged);
    },
  });
}

function installReads<Kind extends Entity>(
  app: FastifyInstance,
  context: ApiOptions,
  resource: Resource<Kind>,
  idOf: IdOf,
): void {
  const { entity, path, tag, schema } = resource;
  app.get<{ Querystring: PageQuery }>(path, {
    config: { role: "viewer" },
    schema: {
      tags: [tag],
      summary: `Every ${entity}, by id`,
      querystring: listQuery({}),
      response: answers({ 200: pageSchema(schema) }, 400),
    },
    handler: async (request) => {
      const { party } = principalOf(request);
      const { limit, cursor } = request.query;
      const after = decodeCursor(cursor, ["string"])?.[0] ?? "";
      const ids = sortedIds(context.registry, party, entity);
      const items: EntityDocs[Kind][] = [];
      let last = after;
      for (let at = firstAbove(ids, after); at < ids.length; at++) {
        const id = ids[at]!;
        const found = context.registry.find(party, entity, id);
        if (!found) continue;
        if (items.length === limit) return { items, nextCursor: encodeCursor([last]) };
        items.push(found.doc);
        last = id;
      }
      return { items };
    },
  });

  app.get<{ Params: { id: string } }>(`${path}/:id`, {
    config: { role: "viewer" },
    schema: { tags: [tag], summary: `One ${entity}`, params: idParam, response: answers({ 200: schema }, 404) },
    handler: async (request, reply) => {
      const { doc, version } = existing(context, principalOf(request).party, resource, await idOf(request));
      return reply.header("etag", etag(version)).send(doc);
    },
  });
}

function installDelete<Kind extends Entity>(
  app: FastifyInstance,
  context: ApiOptions,
  resource: Resource<Kind>,
  idOf: IdOf,
): void {
  const { entity, path, tag, writer, normalise } = resource;
  app.delete<{ Params: { id: string } }>(`${path}/:id`, {
    config: { role: writer },
    schema: {
      tags: [tag],
      summary: `Remove a ${entity}; what it decided so far stays`,
      params: idParam,
      response: answers({ 204: { type: "null" } }, 404, 412, 503),
    },
    handler: async (request, reply) => {
      const principal = principalOf(request);
      const id = await idOf(request);
      const { version } = existing(context, principal.party, resource, id);
      const expected = parseIfMatch(request.headers["if-match"]) ?? version;
      await writeEntity(context, principal, entity, normalise(id), null, expected);
      return reply.code(204).send();
    },
  });
}

function existing<Kind extends Entity>(context: ApiOptions, party: PartyId, resource: Resource<Kind>, id: string) {
  const found = context.registry.find(party, resource.entity, resource.normalise(id));
  if (!found)
    throw new Problem("not-found", `There is no ${resource.entity} with this id. GET ${resource.path} lists them.`);
  return found;
}

function invalid(
  error: { instancePath: string; message?: string; params: Record<string, unknown> } | undefined,
): Problem {
  const field = error?.params["missingProperty"] ?? error?.params["additionalProperty"];
  const path = `${error?.instancePath ?? ""}${typeof field === "string" ? `/${field}` : ""}`;
  return new Problem("invalid", `With this change the document would not be valid: ${path} ${error?.message ?? ""}.`, {
    path,
  });
}

function isTimeZone(name: string): boolean {
  try {
    return new Intl.DateTimeFormat("en", { timeZone: name }).resolvedOptions().timeZone !== "";
  } catch {
    return false;
  }
}
