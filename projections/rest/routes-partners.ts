// Roaming partners: who may speak OCPI with us, added, paused, given new tokens, registered at, removed.
import type { FastifyInstance } from "fastify";

import type { OcpiServices } from "../ocpi/services.ts";
import type { PartnerDoc, PartnerRole } from "../../core/registry/entities.ts";
import {
  addPartner,
  askForPushes,
  changePartner,
  registerAt,
  removePartner,
  rotatePartner,
  showPartner,
  type PartnerChange,
  type PartnerView,
} from "../ocpi/partner-changes.ts";
import type { Partner } from "../ocpi/partners.ts";
import { showPushes } from "../ocpi/pushes/show-pushes.ts";
import { ocpiVersions } from "../ocpi/versions/version.ts";
import type { ApiOptions } from "./context.ts";
import { principalOf } from "./guard.ts";
import type { Principal } from "./principal.ts";
import { Problem } from "./problems.ts";
import { answers, idParam, pageSchema } from "./schemas.ts";

const country = { type: "string", pattern: "^[A-Za-z]{2}$", description: "ISO 3166-1 alpha-2" } as const;
const party = { type: "string", pattern: "^[A-Za-z0-9]{3}$" } as const;
const role = { type: "string", enum: ["CPO", "EMSP", "HUB", "NAP", "NSP", "OTHER", "SCSP"] } as const;
const roleSchema = {
  type: "object",
  required: ["role", "country", "party"],
  additionalProperties: false,
  properties: { role, country, party, name: { type: "string", minLength: 1, maxLength: 100 } },
} as const;
const allowedHosts = {
  type: "array",
  maxItems: 20,
  items: { type: "string", minLength: 1, maxLength: 253, pattern: "^[^/\\s]+$" },
  description: "Hosts of it that may lead to private addresses",
} as const;
const rawTokens = {
  type: "boolean",
  description:
    "Whether it sends and expects tokens as they are, not in Base64; absent: as its version has it (2.1.1 as they are)",
} as const;
const onlyVersion = {
  type: "string",
  enum: ocpiVersions,
  description: "Of OCPI, that it is held to; absent: the newest that both speak",
} as const;

/** How it is spoken to. */
const manners = { allowedHosts, rawTokens, onlyVersion } as const;
type Manners = Pick<PartnerDoc, keyof typeof manners>;

const partnerSchema = {
  type: "object",
  properties: {
    id: { type: "string" },
    party: { type: "string", description: "Country code and party id of its first role, e.g. DEABC" },
    roles: { type: "array", items: roleSchema },
    state: { type: "string", enum: ["pending", "registering", "registered", "unregistered", "paused"] },
    versionsUrl: { type: "string", description: "What it is given, together with tokenA" },
    tokenA: { type: ["string", "null"], description: "Until it has registered" },
    peerVersionsUrl: { type: ["string", "null"] },
    version: { type: ["string", "null"], description: "Of OCPI, that was agreed on" },
    endpoints: { type: "array", items: { type: "object", additionalProperties: true } },
    allowedHosts,
    rawTokens: { type: "boolean", description: "As it is in force" },
    onlyVersion: { type: ["string", "null"] },
    hubClients: {
      type: "array",
      items: { type: "object", additionalProperties: true },
      description: "Of a hub: who is connected to it, as OCPI's ClientInfo",
    },
  },
} as const;

interface NewPartner extends Manners {
  readonly id?: string;
  readonly country: string;
  readonly party: string;
  readonly role: PartnerRole["role"];
  readonly name?: string;
  readonly roles?: readonly { role: PartnerRole["role"]; country: string; party: string; name?: string }[];
}

export function installPartners(app: FastifyInstance, context: ApiOptions, services: OcpiServices): void {
  installReads(app, services);
  installWrites(app, services);
  installChanges(app, services);
  installPushes(app, context, services);
}

function installReads(app: FastifyInstance, services: OcpiServices): void {
  app.get("/api/v1/partners", {
    config: { role: "admin" },
    schema: {
      tags: ["Partners"],
      summary: "Every roaming partner",
      response: answers({ 200: pageSchema(partnerSchema) }),
    },
    handler: async (request) => {
      const all = [...services.partners.of(principalOf(request).party)];
      return Promise.resolve({ items: all.map((partner) => showPartner(services, partner)) });
    },
  });

  app.get<{ Params: { id: string } }>("/api/v1/partners/:id", {
    config: { role: "admin" },
    schema: {
      tags: ["Partners"],
      summary: "One roaming partner",
      params: idParam,
      response: answers({ 200: partnerSchema }, 404),
    },
    handler: async (request) =>
      Promise.resolve(showPartner(services, existing(services, principalOf(request), request.params.id))),
  });
}

function installWrites(app: FastifyInstance, services: OcpiServices): void {
  app.post<{ Body: NewPartner }>("/api/v1/partners", {
    config: { role: "admin" },
    schema: {
      tags: ["Partners"],
      summary: "Let a partner in: give it tokenA and versionsUrl, and it registers itself",
      body: {
        type: "object",
        required: ["country", "party", "role"],
        additionalProperties: false,
        properties: {
          id: { type: "string", pattern: "^[A-Za-z0-9_-]{1,36}$" },
          country,
          party,
          role,
          name: roleSchema.properties.name,
          roles: { type: "array", maxItems: 50, items: roleSchema, description: "Further ones of the same platform" },
          ...manners,
        },
      },
      response: answers({ 201: partnerSchema }, 409, 422, 503),
    },
    handler: async (request, reply) => {
      const { id, roles = [], ...first } = request.body;
      const all = [first, ...roles].map(roleOf);
      const added = await addPartner(services, principalOf(request), id, all, mannersOf(request.body));
      return reply.code(201).send(added);
    },
  });

  app.post<{ Body: Manners & { url: string; token: string } }>("/api/v1/partners/register", {
    config: { role: "admin" },
    schema: {
      tags: ["Partners"],
      summary: "Register at a partner that gave us its versions address and a token",
      body: {
        type: "object",
        required: ["url", "token"],
        additionalProperties: false,
        properties: {
          url: { type: "string", minLength: 1, maxLength: 255 },
          token: { type: "string", minLength: 1, maxLength: 64 },
          ...manners,
        },
      },
      response: answers({ 201: partnerSchema }, 409, 422, 503),
    },
    handler: async (request, reply) => {
      const { url, token } = request.body;
      const options = mannersOf(request.body);
      return reply.code(201).send(await registerAt(services, principalOf(request), url, token, options));
    },
  });
}

function mannersOf({ allowedHosts: hosts, rawTokens: raw, onlyVersion: only }: Manners): Manners {
  return {
    ...(hosts && { allowedHosts: hosts }),
    ...(raw === undefined ? {} : { rawTokens: raw }),
    ...(only && { onlyVersion: only }),
  };
}

function roleOf({
  role: name,
  country: code,
  party: id,
  name: business,
}: NonNullable<NewPartner["roles"]>[number]): PartnerRole {
  const named = business === undefined ? {} : { name: business };
  return { role: name, countryCode: code.toUpperCase(), partyId: id.toUpperCase(), ...named };
}

function installChanges(app: FastifyInstance, services: OcpiServices): void {
  app.patch<{ Params: { id: string }; Body: PartnerChange }>("/api/v1/partners/:id", {
    config: { role: "admin" },
    schema: {
      tags: ["Partners"],
      summary: "Pause a partner, let it go on, or change how it is spoken to",
      params: idParam,
      body: {
        type: "object",
        minProperties: 1,
        additionalProperties: false,
        properties: {
          paused: { type: "boolean" },
          allowedHosts,
          rawTokens: { ...rawTokens, type: ["boolean", "null"] },
          onlyVersion: { ...onlyVersion, type: ["string", "null"], enum: [...ocpiVersions, null] },
        },
      },
      response: answers({ 200: partnerSchema }, 404, 412, 422, 503),
    },
    handler: (request) => {
      const principal = principalOf(request);
      return changePartner(services, principal, existing(services, principal, request.params.id), request.body);
    },
  });

  app.post<{ Params: { id: string } }>("/api/v1/partners/:id/rotate", {
    config: { role: "admin" },
    schema: {
      tags: ["Partners"],
      summary: "New tokens: exchanged with a registered partner, a new tokenA for another",
      params: idParam,
      response: answers({ 200: partnerSchema }, 404, 409, 412, 503),
    },
    handler: (request): Promise<PartnerView> => {
      const principal = principalOf(request);
      return rotatePartner(services, principal, existing(services, principal, request.params.id));
    },
  });

  app.delete<{ Params: { id: string } }>("/api/v1/partners/:id", {
    config: { role: "admin" },
    schema: {
      tags: ["Partners"],
      summary:
        "Remove a partner; it is told where it is registered. Its tokens charge no more until its party is registered again",
      params: idParam,
      response: answers({ 204: { type: "null" } }, 404, 412, 503),
    },
    handler: async (request, reply) => {
      const principal = principalOf(request);
      await removePartner(services, principal, existing(services, principal, request.params.id));
      return reply.code(204).send();
    },
  });
}

const pushSchema = {
  type: "object",
  properties: {
    module: { type: "string", enum: ["locations", "tariffs", "sessions", "cdrs", "evses"] },
    object: { type: "string", description: "Id; of an EVSE's status its location's and its own, encoded" },
    due: { type: "string", format: "date-time" },
    attempts: { type: "integer", description: "Since the last that was taken" },
    problem: { type: "string", description: "Of a dead letter: why nobody sends it again" },
    diedAt: { type: "string", format: "date-time" },
  },
} as const;
const queueSchema = {
  type: "object",
  properties: {
    state: { type: "string", enum: ["idle", "sending", "retrying", "away", "paused"] },
    failures: { type: "integer", description: "In a row" },
    problem: { type: ["string", "null"], description: "What the last failure was" },
    nextTryAt: { type: ["string", "null"], format: "date-time" },
    lastDeliveredAt: { type: ["string", "null"], format: "date-time", description: "Kept by the minute" },
    waitingCount: { type: "integer" },
    waiting: { type: "array", items: pushSchema, description: "Those that go first" },
    deadLetterCount: { type: "integer" },
    deadLetters: { type: "array", items: pushSchema, description: "The newest first" },
  },
} as const;

function installPushes(app: FastifyInstance, context: ApiOptions, services: OcpiServices): void {
  app.get<{ Params: { id: string }; Querystring: { limit: number } }>("/api/v1/partners/:id/pushes", {
    config: { role: "operator" },
    schema: {
      tags: ["Partners"],
      summary: "What waits to be pushed to a partner, and what it refused",
      params: idParam,
      querystring: {
        type: "object",
        properties: { limit: { type: "integer", minimum: 1, maximum: 1_000, default: 100 } },
      },
      response: answers({ 200: queueSchema }, 404),
    },
    handler: (request) => {
      const partner = existing(services, principalOf(request), request.params.id);
      return showPushes(context, partner, request.query.limit);
    },
  });

  for (const [what, summary] of [
    [
      "resync",
      "Push everything again: tariffs, locations, open sessions, CDRs of a month that have no proof of delivery, or that the partner says it has no more; and read its whole list of tokens",
    ],
    ["retry", "Push dead letters again, and do not wait for the next try"],
  ] as const) {
    app.post<{ Params: { id: string } }>(`/api/v1/partners/:id/${what}`, {
      config: { role: "operator" },
      schema: {
        tags: ["Partners"],
        summary,
        params: idParam,
        response: answers({ 202: { type: "object", properties: { id: { type: "string" } } } }, 404, 409, 412, 503),
      },
      handler: async (request, reply) => {
        const principal = principalOf(request);
        const partner = existing(services, principal, request.params.id);
        return reply.code(202).send(await askForPushes(services, principal, partner, what));
      },
    });
  }
}

function existing(services: OcpiServices, { party: own }: Principal, id: string): Partner {
  const found = services.partners.find(own, id);
  if (found) return found;
  throw new Problem("not-found", "There is no partner with this id. GET /api/v1/partners lists them.");
}
