// A station is asked for its configuration: POST /api/v1/stations/{id}/configuration/read. What it answers becomes its
// documents, in one view for both worlds (1.6 §5.8 GetConfiguration; 2.0.1 B06 GetVariables, B07 GetBaseReport).
import type { FastifyInstance } from "fastify";

import { limits } from "../../core/config/limits.ts";
import type { Protocol } from "../../core/records/frame-record.ts";
import type { ConfigurationEntryDoc } from "../../core/registry/entities.ts";
import type { CommandSender } from "./command-sender.ts";
import { loadVariables } from "./configuration.ts";
import { setVariable } from "./configuration-sender.ts";
import { checkWorld, entryProperties, keyOfEntry } from "./configuration-templates.ts";
import { connectedProtocol, Patience, requested, type Conversation } from "./connected.ts";
import type { ApiOptions } from "./context.ts";
import { principalOf } from "./guard.ts";
import { stationIdOf } from "./routes-stations.ts";
import { answers, nullableText, stationIdParam } from "./schemas.ts";

type Named = Omit<ConfigurationEntryDoc, "value">;

const { value: _value, ...placeProperties } = entryProperties;

const readSchema = {
  type: "object",
  additionalProperties: false,
  properties: {
    variables: {
      type: "array",
      minItems: 1,
      maxItems: 500,
      items: { type: "object", required: ["variable"], additionalProperties: false, properties: placeProperties },
      description: "Absent: everything. Of 2.x that comes as a report in parts, see /stations/{id}/reports",
    },
  },
} as const;

const readAnswer = {
  type: "object",
  properties: {
    commands: {
      type: "array",
      items: {
        type: "object",
        properties: {
          commandId: { type: "string" },
          outcome: { ...nullableText, description: "null: not answered yet, see the command" },
        },
      },
    },
  },
} as const;

export function installConfigurationRead(app: FastifyInstance, context: ApiOptions, sender: CommandSender): void {
  app.post<{ Params: { id: string }; Querystring: { wait: number }; Body: { variables?: readonly Named[] } }>(
    "/api/v1/stations/:id/configuration/read",
    {
      config: { role: "operator" },
      schema: {
        tags: ["Configuration"],
        summary: "Ask the station for its configuration, all of it or by name; as ordinary commands, one after another",
        params: stationIdParam,
        querystring: {
          type: "object",
          properties: {
            wait: {
              type: "number",
              minimum: 1,
              maximum: limits.commandTimeoutSecondsMax,
              default: 30,
              description: "Seconds to wait for all answers",
            },
          },
        },
        body: readSchema,
        response: answers({ 202: readAnswer }, 404, 409, 422, 429, 503),
      },
      handler: async (request, reply) => {
        const principal = principalOf(request);
        const station = stationIdOf(request.params.id);
        const protocol = await connectedProtocol(context, principal.party, station);
        const { variables } = request.body;
        if (variables) checkWorld(variables, protocol, "/variables");
        const patience = new Patience(context.clock, request.query.wait);
        const of = { context, sender, principal, station, protocol, patience };
        return reply.code(202).send({ commands: await askFor(of, variables) });
      },
    },
  );
}

/** Up to the first one that the station does not answer. */
async function askFor(of: Conversation, variables: readonly Named[] | undefined) {
  const commands: { commandId: string; outcome: string | null }[] = [];
  for (const { action, payload } of await messagesFor(of, variables)) {
    const { id, outcome } = await requested(of, action, payload);
    commands.push({ commandId: id, outcome });
    if (outcome === null || outcome === "not_connected") break;
  }
  return commands;
}

interface Message {
  readonly action: string;
  readonly payload: object;
}

async function messagesFor(of: Conversation, variables: readonly Named[] | undefined): Promise<readonly Message[]> {
  const { protocol, context } = of;
  if (!variables) {
    if (protocol === "ocpp1.6") return [{ action: "GetConfiguration", payload: {} }];
    const requestId = Math.floor(context.clock.now() / 1_000) % 2 ** 31;
    return [{ action: "GetBaseReport", payload: { requestId, reportBase: "FullInventory" } }];
  }
  const size = await batchSize(of);
  const count = Math.ceil(variables.length / size);
  return Array.from({ length: count }, (_, at) => messageFor(protocol, variables.slice(at * size, (at + 1) * size)));
}

function messageFor(protocol: Protocol, batch: readonly Named[]): Message {
  if (protocol === "ocpp1.6") {
    return { action: "GetConfiguration", payload: { key: batch.map(({ variable }) => variable) } };
  }
  const getVariableData = batch.map((named) => {
    const { attributeValue: _none, ...data } = setVariable({ ...named, value: "" });
    return data;
  });
  return { action: "GetVariables", payload: { getVariableData } };
}

/** Where a station does not say what it takes. */
const usualBatch = 10;

/** 1.6 §9.1.7 GetConfigurationMaxKeys; 2.0.1 B06.FR.05 ItemsPerMessageGetVariables. */
async function batchSize({ context, principal, station, protocol }: Conversation): Promise<number> {
  const limit =
    protocol === "ocpp1.6"
      ? { variable: "GetConfigurationMaxKeys", value: "" }
      : { component: "DeviceDataCtrlr", variable: "ItemsPerMessage", instance: "GetVariables", value: "" };
  const key = keyOfEntry(limit);
  const said = Number((await loadVariables(context, principal.party, [station], [key]))(station, key)?.value);
  return Number.isSafeInteger(said) && said > 0 ? said : usualBatch;
}
