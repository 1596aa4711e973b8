// Settings that act inside folds and deciders, and API keys.
import { randomBytes, randomUUID } from "node:crypto";
import { Ajv } from "ajv";
import type { FastifyInstance } from "fastify";

import type { PartyId } from "../../core/ids/ids.ts";
import type { ApiKeyDoc, SettingDoc, SettingId } from "../../core/registry/entities.ts";
import type { ApiOptions } from "./context.ts";
import { settingIds, settingSchemas } from "./entity-schemas.ts";
import { principalOf } from "./guard.ts";
import { sha256 } from "./principal.ts";
import { Problem } from "./problems.ts";
import { etag, parseIfMatch, writeEntity } from "./registry-writer.ts";
import { answers, idParam, pageSchema } from "./schemas.ts";

const settingSchema = {
  type: "object",
  properties: {
    id: { type: "string", enum: settingIds },
    value: { type: ["string", "number", "boolean"] },
    isDefault: { type: "boolean", description: "Nothing was set; this is what holds" },
  },
} as const;

const ajv = new Ajv();
const settingChecks = new Map(settingIds.map((id) => [id, ajv.compile(settingSchemas[id])]));

export function installSettings(app: FastifyInstance, context: ApiOptions): void {
  app.get("/api/v1/settings", {
    config: { role: "viewer" },
    schema: {
      tags: ["Settings"],
      summary: "Every setting of the registry",
      response: answers({ 200: pageSchema(settingSchema) }),
    },
    handler: (request) => {
      const { party } = principalOf(request);
      return Promise.resolve({ items: settingIds.map((id) => showSetting(context, party, id)) });
    },
  });

  app.get<{ Params: { id: string } }>("/api/v1/settings/:id", {
    config: { role: "viewer" },
    schema: {
      tags: ["Settings"],
      summary: "One setting",
      params: idParam,
      response: answers({ 200: settingSchema }, 404),
    },
    handler: async (request, reply) => {
      const { party } = principalOf(request);
      const id = settingIdOf(request.params.id);
      return reply
        .header("etag", etag(context.registry.find(party, "setting", id)?.version ?? 0))
        .send(showSetting(context, party, id));
    },
  });

  app.put<{ Params: { id: string }; Body: { value: SettingDoc["value"] } }>("/api/v1/settings/:id", {
    config: { role: "admin" },
    schema: {
      tags: ["Settings"],
      summary: "Change a setting; it acts within two seconds",
      params: idParam,
      body: {
        type: "object",
        required: ["value"],
        properties: { value: settingSchema.properties.value, id: { type: "string" } },
        additionalProperties: false,
      },
      response: answers({ 200: settingSchema, 201: settingSchema }, 404, 412, 422, 503),
    },
    handler: async (request, reply) => {
      const principal = principalOf(request);
      const id = settingIdOf(request.params.id);
      const { value } = request.body;
      const check = settingChecks.get(id)!;
      if (!check(value))
        throw new Problem("invalid", `${id} ${check.errors?.[0]?.message ?? "is not valid"}.`, { path: "/value" });
      const expected = parseIfMatch(request.headers["if-match"]) ?? null;
      const written = await writeEntity(context, principal, "setting", id, { id, value }, expected);
      return reply
        .code(written.created ? 201 : 200)
        .header("etag", etag(written.version))
        .send(showSetting(context, principal.party, id));
    },
  });
}

function settingIdOf(text: string): SettingId {
  const id = settingIds.find((known) => known === text);
  if (!id) throw new Problem("not-found", `There is no such setting. There are: ${settingIds.join(", ")}.`);
  return id;
}

function showSetting(context: ApiOptions, party: PartyId, id: SettingId) {
  const isDefault = context.registry.find(party, "setting", id) === undefined;
  return { id, value: context.registry.setting(party, id), isDefault };
}

const keyProperties = {
  id: { type: "string", format: "uuid" },
  role: { type: "string", enum: ["viewer", "operator", "admin"] },
  name: { type: "string", maxLength: 100 },
} as const;
const keySchema = { type: "object", properties: keyProperties } as const;
const tokenBytes = 32;

export function installApiKeys(app: FastifyInstance, context: ApiOptions): void {
  app.get("/api/v1/api-keys", {
    config: { role: "admin" },
    schema: {
      tags: ["API keys"],
      summary: "Every key, without its token",
      response: answers({ 200: pageSchema(keySchema) }),
    },
    handler: (request) => {
      const { party } = principalOf(request);
      const keys = [...context.registry.ids(party, "apiKey")].flatMap(
        (id) => context.registry.find(party, "apiKey", id)?.doc ?? [],
      );
      return Promise.resolve({ items: keys.map(showKey) });
    },
  });

  app.post<{ Body: { role: ApiKeyDoc["role"]; name?: string } }>("/api/v1/api-keys", {
    config: { role: "admin" },
    schema: {
      tags: ["API keys"],
      summary: "Make a key. Its token is in this answer and nowhere else",
      body: {
        type: "object",
        required: ["role"],
        additionalProperties: false,
        properties: { role: keyProperties.role, name: keyProperties.name },
      },
      response: answers(
        { 201: { type: "object", properties: { ...keyProperties, token: { type: "string" } } } },
        422,
        503,
      ),
    },
    handler: async (request, reply) => {
      const token = `wl_${randomBytes(tokenBytes).toString("base64url")}`;
      const id = randomUUID();
      const { role, name } = request.body;
      const doc: ApiKeyDoc = {
        id,
        role,
        sha256: sha256(token).toString("hex"),
        ...(name === undefined ? {} : { name }),
      };
      const written = await writeEntity(context, principalOf(request), "apiKey", id, doc, 0);
      return reply
        .code(201)
        .header("etag", etag(written.version))
        .send({ ...showKey(doc), token });
    },
  });

  app.delete<{ Params: { id: string } }>("/api/v1/api-keys/:id", {
    config: { role: "admin" },
    schema: {
      tags: ["API keys"],
      summary: "Take a key back; it ends at once",
      params: idParam,
      response: answers({ 204: { type: "null" } }, 404, 412, 503),
    },
    handler: async (request, reply) => {
      const principal = principalOf(request);
      const found = context.registry.find(principal.party, "apiKey", request.params.id);
      if (!found) throw new Problem("not-found", "There is no API key with this id. GET /api/v1/api-keys lists them.");
      await writeEntity(context, principal, "apiKey", request.params.id, null, found.version);
      return reply.code(204).send();
    },
  });
}

function showKey({ id, role, name }: ApiKeyDoc) {
  return { id, role, name: name ?? null };
}
