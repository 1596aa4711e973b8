// The OCPI plugin of the api: every row of the table as a route under /ocpi.
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

import type { ApiOptions } from "../rest/context.ts";
import type { OcpiCall } from "./call.ts";
import { OcpiError, statusCodes } from "./envelope.ts";
import { installFrame, sendAnswer } from "./frame.ts";
import { ocpiRoutes, routesAt, type OcpiRoute } from "./routes.ts";
import type { OcpiServices } from "./services.ts";
import { versionWith } from "./versions/version.ts";

const prefix = "/ocpi";

export function installOcpi(parent: FastifyInstance, context: ApiOptions, services: OcpiServices): void {
  void parent.register(
    (app, _options, done) => {
      installFrame(app, context, services.partners, (request) => routesAt(below(request))[0]?.access ?? "registered");
      for (const route of ocpiRoutes) install(app, context, services, route);
      app.setNotFoundHandler((request) => {
        const methods = routesAt(below(request)).map(({ method }) => method);
        if (methods.length === 0)
          throw new OcpiError(statusCodes.clientError, "There is no such endpoint.", { http: 404 });
        const sentence = `${request.method} is not among the methods of this endpoint: ${methods.join(", ")}.`;
        throw new OcpiError(statusCodes.clientError, sentence, { http: 405 });
      });
      done();
    },
    { prefix },
  );
}

function install(app: FastifyInstance, context: ApiOptions, services: OcpiServices, route: OcpiRoute): void {
  const { method, access, isFunctional, module, version, handle } = route;
  const handler = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const answer = await handle(callOf(request, reply, context, services, route));
    return sendAnswer(reply, context, answer);
  };
  // The specification's own examples end lists with a slash.
  for (const url of [route.path, `${route.path}/`]) {
    const config = { ocpi: { access, isFunctional, module, version } };
    app.route({ method, url, config, schema: { hide: true }, handler });
  }
}

function callOf(
  request: FastifyRequest,
  reply: FastifyReply,
  context: ApiOptions,
  services: OcpiServices,
  { version }: OcpiRoute,
): OcpiCall {
  const { partner, presented } = request.ocpi!;
  return {
    context,
    services,
    party: partner.party,
    partner,
    version: version ?? versionWith(partner.doc),
    presented,
    params: request.params as Readonly<Record<string, string>>,
    query: request.query as Readonly<Record<string, unknown>>,
    body: request.body,
    path: pathOf(request),
    from: {
      countryCode: String(reply.getHeader("ocpi-to-country-code") ?? ""),
      partyId: String(reply.getHeader("ocpi-to-party-id") ?? ""),
    },
    correlationId: String(reply.getHeader("x-correlation-id")),
  };
}

/** The path as the table has it. */
function below(request: FastifyRequest): string {
  return pathOf(request).slice(prefix.length);
}

function pathOf({ url }: FastifyRequest): string {
  const at = url.indexOf("?");
  return at < 0 ? url : url.slice(0, at);
}
