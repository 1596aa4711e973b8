// What a browser opens: the console, its files, signing in and out, and the documentation.
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

import type { ApiOptions } from "./context.ts";
import { identify, requireSameOrigin, toSignIn } from "./guard.ts";
import { cookieName, sessionSeconds, type Credentials, type Principal } from "./principal.ts";
import { Problem } from "./problems.ts";
import { readStaticFiles, sendFile, type StaticFile } from "./static.ts";

export function installPages(app: FastifyInstance, context: ApiOptions, credentials: Credentials): void {
  const files = readStaticFiles();
  const file = (name: string): StaticFile => {
    const found = files.get(name);
    if (!found) throw new Problem("not-found", "There is no such page.");
    return found;
  };
  const hide = { schema: { hide: true } } as const;

  app.get("/", hide, (request, reply) =>
    identify(request, credentials) ? sendFile(request, reply, file("index.html")) : toSignIn(reply),
  );
  app.get<{ Params: { name: string } }>("/assets/:name", hide, (request, reply) =>
    sendFile(request, reply, file(request.params.name)),
  );
  app.get("/favicon.ico", hide, (request, reply) => sendFile(request, reply, file("icon.svg")));
  app.get("/api/docs", hide, (request, reply) => sendFile(request, reply, file("docs.html")));
  app.get("/api/openapi.json", hide, () => app.swagger());
  installSignIn(app, context, credentials, file);
}

function installSignIn(
  app: FastifyInstance,
  context: ApiOptions,
  credentials: Credentials,
  file: (name: string) => StaticFile,
): void {
  const refuse = () => context.metrics.authFailures.inc({ reason: "signIn" });

  app.get<{ Querystring: { code?: string } }>("/sign-in", { schema: { hide: true } }, (request, reply) => {
    const { code } = request.query;
    if (typeof code !== "string") return sendFile(request, reply, file("sign-in.html"));
    const principal = credentials.redeem(code);
    if (!principal) {
      refuse();
      return sendFile(request, reply, file("sign-in-used.html"), 401);
    }
    // A page that goes on by itself, not a redirect: a browser that came from another site would not send a
    // SameSite=Strict cookie along a chain of redirects that began there.
    return sendFile(request, setCookie(request, reply, credentials.sessionCookie(principal)), file("signed-in.html"));
  });

  app.post<{ Body: { token: string } }>("/sign-in", {
    schema: {
      hide: true,
      body: {
        type: "object",
        required: ["token"],
        properties: { token: { type: "string", minLength: 1, maxLength: 200 } },
      },
    },
    handler: (request, reply) => {
      requireSameOrigin(request);
      const principal: Principal | undefined = credentials.byToken(request.body.token.trim(), "console");
      if (!principal) {
        refuse();
        throw new Problem(
          "unauthorized",
          "This token is not known. The admin token lies in the data folder of this wattlog.",
        );
      }
      return setCookie(request, reply, credentials.sessionCookie(principal)).code(204).send();
    },
  });

  app.post("/sign-out", { schema: { hide: true } }, (request, reply) => {
    requireSameOrigin(request);
    return reply.clearCookie(cookieName, { path: "/" }).code(204).send();
  });
}

function setCookie(request: FastifyRequest, reply: FastifyReply, value: string): FastifyReply {
  // Behind a proxy that ends TLS the header says so; believing it can only make the cookie stricter.
  const secure = request.protocol === "https" || request.headers["x-forwarded-proto"] === "https";
  return reply.setCookie(cookieName, value, {
    path: "/",
    httpOnly: true,
    sameSite: "strict",
    secure,
    maxAge: sessionSeconds,
  });
}
