// Before and after every OCPI route: whose token it is, ids that are echoed, routing headers, JSON within limits, one shape of
// answers (2.2.1, Transport and format). What anybody sends ends in an OCPI answer, never in a fault of ours.
import { randomUUID } from "node:crypto";
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

import { jsonExcess } from "../../core/ocpp/framing.ts";
import { isWattlogError } from "../../core/runtime/errors.ts";
import type { ApiOptions } from "../rest/context.ts";
import { Problem } from "../rest/problems.ts";
import { answerOf, envelope, OcpiError, statusCodes, type OcpiAnswer } from "./envelope.ts";
import { type Access, type OwnRole, type Partner, type Partners } from "./partners.ts";
import { same } from "./values.ts";
import type { OcpiVersion } from "./versions/version.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Of OCPI routes. */
    ocpi?: {
      readonly access: Access;
      readonly isFunctional: boolean;
      readonly module: string;
      readonly version: OcpiVersion | null;
    };
  }
  interface FastifyRequest {
    ocpi: Caller | null;
  }
}

export interface Caller {
  readonly partner: Partner;
  readonly presented: string;
  readonly access: Access;
}

/** @param elsewhere who may ask for what is no route: nobody learns by a 404 what there is. */
export function installFrame(
  app: FastifyInstance,
  context: ApiOptions,
  partners: Partners,
  elsewhere: (request: FastifyRequest) => Access,
): void {
  app.decorateRequest("ocpi", null);
  app.addHook("onRequest", async (request, reply) => {
    void reply.headers({ ...echoed(request), "cache-control": "no-store" });
    request.ocpi = identify(request, context, partners);
    const config = request.routeOptions.config.ocpi;
    requireAccess(request.ocpi, config?.access ?? elsewhere(request));
    if (config?.isFunctional) route(request, reply, request.ocpi.partner, partners);
  });
  app.addHook("onResponse", async (request, reply) => count(request, reply, context));
  installParser(app);
  app.setErrorHandler((error: FastifyError | Error, request, reply) => {
    const answer = answerTo(error);
    if (answer.http === 500) request.log.error({ err: error, route: request.routeOptions.url }, "request failed");
    return sendAnswer(reply, context, answer);
  });
}

/** A partner that is known: nobody else can make label values. */
function count({ ocpi, routeOptions }: FastifyRequest, { statusCode }: FastifyReply, { metrics }: ApiOptions): void {
  if (ocpi === null) return;
  const module = routeOptions.config.ocpi?.module ?? "other";
  const [role] = ocpi.partner.doc.roles;
  const party = role ? `${role.countryCode}${role.partyId}` : "unregistered";
  metrics.ocpiRequests.inc({ party, module, status: String(statusCode) });
}

const tokenScheme = /^Token +(\S{1,2048}) *$/i;

/** @throws OcpiError 401 */
function identify(request: FastifyRequest, { metrics }: ApiOptions, partners: Partners): Caller {
  const text = tokenScheme.exec(request.headers.authorization ?? "")?.[1];
  const version = request.routeOptions.config.ocpi?.version ?? null;
  const found = text === undefined ? undefined : partners.byToken(text, version);
  if (found !== undefined) return found;
  metrics.authFailures.inc({ reason: "ocpi" });
  const how = version === "2.1.1" ? "" : " in Base64";
  throw new OcpiError(statusCodes.clientError, `Authorization must be \`Token\` and a known token${how}.`, {
    http: 401,
  });
}

/** @throws OcpiError 401: token A opens versions and credentials alone. */
function requireAccess({ access, partner }: Caller, needed: Access): void {
  if (partner.doc.paused) {
    throw new OcpiError(statusCodes.clientError, "This connection is paused by its operator.", { http: 403 });
  }
  if (needed === "registered" && access !== "registered") {
    throw new OcpiError(statusCodes.clientError, "Register first: this token is good for versions and credentials.", {
      http: 401,
    });
  }
}

const printable = /^[\x20-\x7e]{1,255}$/;

function echoed(request: FastifyRequest): Record<string, string> {
  const id = (name: string) => {
    const given = request.headers[name];
    return typeof given === "string" && printable.test(given) ? given : randomUUID();
  };
  return { "x-request-id": id("x-request-id"), "x-correlation-id": id("x-correlation-id") };
}

const routing = ["from", "to"].flatMap((end) => [`ocpi-${end}-country-code`, `ocpi-${end}-party-id`]);

/** Of functional modules: the answer goes back the way that the request came. @throws OcpiError 2001 */
function route(request: FastifyRequest, reply: FastifyReply, partner: Partner, partners: Partners): void {
  const [fromCountry, fromParty, toCountry, toParty] = routing.map((name) => {
    const value = request.headers[name];
    return typeof value === "string" && value !== "" ? value : undefined;
  });
  const [own] = partners.ownRoles(partner.party) as [OwnRole];
  const [peer] = partner.doc.roles;
  const isHub = partner.doc.roles.some(({ role }) => role === "HUB");
  const from =
    fromCountry !== undefined &&
    fromParty !== undefined &&
    (isHub || partners.actsFor(partner, fromCountry, fromParty));
  if ((fromCountry ?? fromParty) !== undefined && !from) {
    throw new OcpiError(statusCodes.invalidParameters, "OCPI-from-… must name a party that you act for.");
  }
  void reply.headers({
    "ocpi-from-country-code": own.country_code,
    "ocpi-from-party-id": own.party_id,
    "ocpi-to-country-code": safe(from ? fromCountry : undefined) ?? peer?.countryCode ?? "",
    "ocpi-to-party-id": safe(from ? fromParty : undefined) ?? peer?.partyId ?? "",
  });
  const isOurs = same(toCountry ?? own.country_code, own.country_code) && same(toParty ?? own.party_id, own.party_id);
  if (!isOurs) throw new OcpiError(statusCodes.invalidParameters, "OCPI-to-… names no party of this platform.");
}

function safe(text: string | undefined): string | undefined {
  return text !== undefined && /^[A-Za-z0-9]{1,3}$/.test(text) ? text : undefined;
}

/** Depth and size are looked at as bytes before anything is parsed. */
function installParser(app: FastifyInstance): void {
  app.removeAllContentTypeParsers();
  const parse = app.getDefaultJsonParser("error", "error");
  app.addContentTypeParser("application/json", { parseAs: "buffer" }, (request, body: Buffer, done) => {
    if (body.length === 0) {
      done(null, undefined);
      return;
    }
    const excess = jsonExcess(body);
    if (excess !== undefined) {
      done(new OcpiError(statusCodes.invalidParameters, `The body is ${excess}.`, { http: 400 }), undefined);
      return;
    }
    void parse(request, body.toString("utf8"), done);
  });
}

/** Every error of a route as an OCPI answer. */
function answerTo(error: FastifyError | Error): OcpiAnswer {
  if (error instanceof OcpiError) return answerOf(error);
  if (error instanceof Problem || isWattlogError(error)) return passing(error);
  const status = "statusCode" in error && typeof error.statusCode === "number" ? error.statusCode : 500;
  if (status >= 400 && status < 500) {
    // A body that is not what it says is broken JSON to OCPI, whichever of its parts was.
    const http = status === 413 || status === 415 ? status : 400;
    return { http, status: statusCodes.invalidParameters, message: "The request cannot be read: JSON is expected." };
  }
  return { http: 500, status: statusCodes.serverError, message: "It was logged." };
}

function passing(error: Problem | Error): OcpiAnswer {
  const isOurs = !(error instanceof Problem) || error.status >= 500;
  if (!isOurs) return { status: statusCodes.clientError, message: error.message };
  return {
    http: 503,
    status: statusCodes.serverError,
    message: "Not possible right now; try again.",
    headers: { "retry-after": "2" },
  };
}

export function sendAnswer(reply: FastifyReply, { clock }: ApiOptions, answer: OcpiAnswer): FastifyReply {
  return reply
    .code(answer.http ?? 200)
    .headers({ ...answer.headers })
    .type("application/json; charset=utf-8")
    .send(envelope(clock.now(), answer));
}
