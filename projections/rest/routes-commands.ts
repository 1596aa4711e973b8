// Commands to stations and what became of them.
import type { FastifyInstance } from "fastify";

import { limits } from "../../core/config/limits.ts";
import { commandActions, isCommandAction } from "../../core/ocpp/command-outcome.ts";
import { textWithoutSecrets } from "../../core/ocpp/secrets.ts";
import { schema as ocppSchema } from "../../core/ocpp/validators.ts";
import { asProtocol } from "./command-check.ts";
import { effectOf, effectsOf } from "./command-effects.ts";
import type { CommandInput, CommandSender } from "./command-sender.ts";
import type { ApiOptions } from "./context.ts";
import { showCommand } from "./format.ts";
import { principalOf } from "./guard.ts";
import { decodeCursor, pageOf, type PageQuery } from "./paging.ts";
import { Problem } from "./problems.ts";
import { stationIdOf } from "./routes-stations.ts";
import { answers, commandSchema, idParam, listQuery, nullableText, pageSchema, stationIdParam } from "./schemas.ts";
import type { Uploads } from "./uploads.ts";

const commandAnswer = {
  description: "Durable; `outcome` is null until it is known",
  type: "object",
  properties: {
    id: { type: "string", format: "uuid" },
    status: commandSchema.properties.status,
    outcome: commandSchema.properties.outcome,
    response: nullableText,
  },
} as const;

export function installCommands(
  app: FastifyInstance,
  context: ApiOptions,
  sender: CommandSender,
  uploads: Uploads,
): void {
  app.post<{ Params: { id: string }; Querystring: { wait: number }; Body: CommandInput }>(
    "/api/v1/stations/:id/commands",
    {
      config: { role: "operator" },
      schema: {
        tags: ["Commands"],
        summary: "Send a command; at most once, whatever happens",
        params: stationIdParam,
        querystring: {
          type: "object",
          properties: {
            wait: {
              type: "number",
              minimum: 0,
              maximum: limits.commandTimeoutSecondsMax,
              default: 0,
              description: "Seconds to wait for the outcome",
            },
          },
        },
        body: {
          type: "object",
          required: ["action"],
          additionalProperties: false,
          properties: {
            action: { type: "string", minLength: 1, maxLength: 64, description: "As OCPP names it" },
            payload: {
              type: "object",
              additionalProperties: true,
              description: "As the station's OCPP version has it",
            },
            timeoutSeconds: {
              type: "integer",
              minimum: 1,
              maximum: limits.commandTimeoutSecondsMax,
              description: "Default 30",
            },
            idempotencyKey: {
              type: "string",
              minLength: 1,
              maxLength: 255,
              description: "The same key is the same command; 422 where it already names another one",
            },
            queueUntil: {
              type: "string",
              format: "date-time",
              description: "Wait for the station to connect until then",
            },
          },
        },
        response: answers({ 202: commandAnswer }, 404, 409, 422, 429, 503),
      },
      handler: async (request, reply) => {
        const principal = principalOf(request);
        const id = stationIdOf(request.params.id);
        const answer = await sender.request(
          principal,
          id,
          await uploads.withLocation(principal, id, request.body),
          request.query.wait,
        );
        return reply
          .code(202)
          .header("location", `/api/v1/commands/${answer.id}`)
          .send({
            ...answer,
            response: answer.response && textWithoutSecrets(answer.response),
          });
      },
    },
  );
  installReads(app, context, sender);
}

function installReads(app: FastifyInstance, context: ApiOptions, sender: CommandSender): void {
  app.get<{ Params: { id: string } }>("/api/v1/commands/:id", {
    config: { role: "viewer" },
    schema: {
      tags: ["Commands"],
      summary: "One command",
      params: idParam,
      response: answers({ 200: commandSchema }, 404),
    },
    handler: async (request) => {
      const { party } = principalOf(request);
      const row = await context.store.reader
        .selectFrom("live_command")
        .selectAll()
        .where("party", "=", party)
        .where("id", "=", request.params.id)
        .executeTakeFirst();
      if (row) return { ...showCommand(row), ...effectOf(await effectsOf(context, party, [row]), row.id) };
      const requested = sender.requestedLately(party, request.params.id);
      if (!requested) throw new Problem("not-found", "There is no command with this id.");
      return { ...requested, ...effectOf(undefined, request.params.id) };
    },
  });

  app.get<{ Querystring: PageQuery & { station?: string; status?: string; outcome?: string } }>("/api/v1/commands", {
    config: { role: "viewer" },
    schema: {
      tags: ["Commands"],
      summary: "Commands, the newest first",
      querystring: listQuery({
        station: { type: "string", maxLength: 48 },
        status: commandSchema.properties.status,
        outcome: { type: "string", maxLength: 20 },
      }),
      response: answers({ 200: pageSchema(commandSchema) }, 400),
    },
    handler: async (request) => {
      const { limit, cursor, station, status, outcome } = request.query;
      const { party } = principalOf(request);
      let rows = context.store.reader.selectFrom("live_command").selectAll().where("party", "=", party);
      if (station !== undefined) rows = rows.where("station", "=", station);
      if (status !== undefined) rows = rows.where("status", "=", status);
      if (outcome !== undefined) rows = rows.where("outcome", "=", outcome);
      const before = decodeCursor(cursor, ["number", "string"]);
      if (before) {
        const [at, id] = before;
        rows = rows.where((eb) =>
          eb.or([eb("requested_at", "<", at), eb.and([eb("requested_at", "=", at), eb("id", "<", id)])]),
        );
      }
      const found = await rows
        .orderBy("requested_at", "desc")
        .orderBy("id", "desc")
        .limit(limit + 1)
        .execute();
      const effects = await effectsOf(context, party, found);
      return pageOf(
        found,
        limit,
        (row) => [row.requested_at, row.id],
        (row) => ({ ...showCommand(row), ...effectOf(effects, row.id) }),
      );
    },
  });

  installActions(app);
}

const versionParam = { type: "string", maxLength: 16, description: "ocpp1.6, ocpp2.0.1 or ocpp2.1" } as const;

function protocolOf(version: string) {
  const protocol = asProtocol(version);
  if (!protocol) throw new Problem("not-found", "The versions are ocpp1.6, ocpp2.0.1 and ocpp2.1.");
  return protocol;
}

/** What a form for a command is made of. */
function installActions(app: FastifyInstance): void {
  app.get<{ Params: { version: string } }>("/api/v1/ocpp/:version/actions", {
    config: { role: "viewer" },
    schema: {
      tags: ["Commands"],
      summary: "The commands of an OCPP version",
      params: { type: "object", properties: { version: versionParam } },
      response: answers({ 200: pageSchema({ type: "string" }) }, 404),
    },
    handler: async (request) => ({ items: commandActions(protocolOf(request.params.version)) }),
  });

  app.get<{ Params: { version: string; action: string } }>("/api/v1/ocpp/:version/actions/:action", {
    config: { role: "viewer" },
    schema: {
      tags: ["Commands"],
      summary: "The JSON schema of a command's payload",
      params: { type: "object", properties: { version: versionParam, action: { type: "string", maxLength: 64 } } },
      response: answers({ 200: { type: "object", additionalProperties: true } }, 404),
    },
    handler: async (request) => {
      const protocol = protocolOf(request.params.version);
      const known = isCommandAction(protocol, request.params.action);
      const found = known ? ocppSchema(protocol, request.params.action, "req") : undefined;
      if (!found) throw new Problem("not-found", `${protocol} has no such command for a station.`);
      return found;
    },
  });
}
