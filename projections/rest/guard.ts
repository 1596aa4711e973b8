// Every request passes here: security headers, who it is, whether the role suffices, and whether a cookie was not
// sent on somebody else's behalf.
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

import { limits } from "../../core/config/limits.ts";
import type { Metrics } from "../../core/runtime/metrics.ts";
import { cookieName, mayAct, type Credentials, type Principal, type Role } from "./principal.ts";
import { Problem } from "./problems.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Lowest role that may call the route; absent: anybody may. */
    role?: Role;
    /** Its body may take minutes; others have `apiRequestMs`. */
    slowBody?: boolean;
  }
  interface FastifyRequest {
    principal: Principal | null;
  }
}

/** Nothing from elsewhere, nothing inline: what a station sends can never become script or style. */
const contentSecurityPolicy = [
  "default-src 'none'",
  "script-src 'self'",
  "style-src 'self'",
  "img-src 'self' data:",
  "connect-src 'self'",
  "manifest-src 'self'",
  "form-action 'self'",
  "base-uri 'none'",
  "frame-ancestors 'none'",
].join("; ");

export const securityHeaders = {
  "content-security-policy": contentSecurityPolicy,
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
  "referrer-policy": "no-referrer",
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-resource-policy": "same-origin",
  "permissions-policy": "camera=(), microphone=(), geolocation=(), payment=()",
} as const;

/** On the whole server, so that an address which is no route has them too. */
export function installHeaders(app: FastifyInstance): void {
  app.addHook("onRequest", async (request, reply) => {
    void reply.headers(securityHeaders);
    if (request.url.startsWith("/api/")) void reply.header("cache-control", "no-store");
  });
}

/** A body that does not come in time ends the connection: who sends byte by byte holds nothing for long. */
export function installDeadline(app: FastifyInstance): void {
  const timers = new WeakMap<FastifyRequest, NodeJS.Timeout>();
  app.addHook("onRequest", async (request) => {
    if (request.routeOptions.config.slowBody) return;
    timers.set(
      request,
      setTimeout(() => request.raw.destroy(), limits.apiRequestMs),
    );
  });
  const inTime = (request: FastifyRequest) => clearTimeout(timers.get(request));
  app.addHook("preValidation", async (request) => inTime(request));
  app.addHook("onResponse", async (request) => inTime(request));
  app.addHook("onRequestAbort", async (request) => inTime(request));
}

/** After the cookie plugin, for its hook reads the cookie. */
export function installGuard(app: FastifyInstance, credentials: Credentials, metrics: Metrics): void {
  app.decorateRequest("principal", null);
  app.addHook("onRequest", async (request) => {
    const role = request.routeOptions.config.role;
    if (role === undefined) return;
    request.principal = identify(request, credentials);
    if (request.principal === null) {
      metrics.authFailures.inc({ reason: "api" });
      throw new Problem("unauthorized", "Send `Authorization: Bearer <token>`, or sign in to the console at /sign-in.");
    }
    if (request.principal.via === "console") requireSameOrigin(request);
    if (!mayAct(request.principal, role)) {
      throw new Problem("forbidden", `This needs the role ${role}; your key has ${request.principal.role}.`);
    }
  });
}

/** Of a route with a role: the guard has let it in. */
export function principalOf(request: FastifyRequest): Principal {
  if (!request.principal) throw new Error("the route has no role, so nobody was identified");
  return request.principal;
}

export function identify(request: FastifyRequest, credentials: Credentials): Principal | null {
  const header = request.headers.authorization;
  if (header !== undefined) {
    const token = /^Bearer +(\S+)$/i.exec(header)?.[1];
    return (token === undefined ? undefined : credentials.byToken(token)) ?? null;
  }
  const cookie = request.cookies[cookieName];
  return (cookie === undefined ? undefined : credentials.bySession(cookie)) ?? null;
}

const harmless = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Against cross-site request forgery: SameSite=Strict says nothing of a sibling origin, e.g. another port of the same
 * host. A browser states where a request comes from; one that states nothing is not believed.
 */
export function requireSameOrigin(request: FastifyRequest): void {
  if (harmless.has(request.method)) return;
  const site = request.headers["sec-fetch-site"];
  if (site === "same-origin") return;
  const origin = request.headers.origin;
  if (site === undefined && origin !== undefined && URL.parse(origin)?.host === request.headers.host) return;
  throw new Problem("forbidden", "A change by cookie must come from this console itself; scripts send a Bearer token.");
}

/** For pages that a person opens: not a problem document but the way in. */
export function toSignIn(reply: FastifyReply): FastifyReply {
  return reply.redirect("/sign-in", 303);
}
