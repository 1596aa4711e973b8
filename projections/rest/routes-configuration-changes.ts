// Changes of a station's configuration: POST /api/v1/stations/{id}/configuration.
import type { FastifyInstance } from "fastify";

import { limits } from "../../core/config/limits.ts";
import type { PartyId, StationId } from "../../core/ids/ids.ts";
import type { Protocol } from "../../core/records/frame-record.ts";
import type { ConfigurationEntryDoc } from "../../core/registry/entities.ts";
import type { CommandSender } from "./command-sender.ts";
import { compare, type Difference } from "./configuration.ts";
import { checkChanges, sendChanges, type ChangeAnswer } from "./configuration-sender.ts";
import { documentNameSchema } from "./applies-to.ts";
import { checkEntries, checkWorld, entriesSchema, entryProperties, templateOf } from "./configuration-templates.ts";
import { connectedProtocol } from "./connected.ts";
import type { ApiOptions } from "./context.ts";
import { principalOf } from "./guard.ts";
import { stationIdOf } from "./routes-stations.ts";
import { answers, nullableText, stationIdParam } from "./schemas.ts";

interface ChangesInput {
  readonly changes?: readonly ConfigurationEntryDoc[];
  readonly template?: string;
  readonly timeoutSeconds?: number;
}

const outcomes = [
  "accepted",
  "reboot_required",
  "rejected",
  "unknown_key",
  "unchanged",
  "read_only",
  "not_sent",
  "error",
  "timeout",
  "expired",
  "not_connected",
  "unknown",
  null,
] as const;

type ItemOutcome = ChangeAnswer["outcome"] | "unchanged" | "read_only";

const changesSchema = {
  type: "object",
  additionalProperties: false,
  properties: {
    changes: entriesSchema,
    template: { ...documentNameSchema, description: "Instead of changes: what differs from this template" },
    timeoutSeconds: {
      type: "integer",
      minimum: 1,
      maximum: limits.commandTimeoutSecondsMax,
      description: "Of each command",
    },
  },
  oneOf: [{ required: ["changes"] }, { required: ["template"] }],
} as const;

const changesAnswer = {
  type: "object",
  properties: {
    items: {
      type: "array",
      items: {
        type: "object",
        properties: {
          ...entryProperties,
          outcome: {
            enum: outcomes,
            description:
              "unchanged: the station has it; not_sent: the wait was over, send the rest again; null: not answered yet, see the command",
          },
          commandId: nullableText,
        },
      },
    },
  },
} as const;

export function installConfigurationChanges(app: FastifyInstance, context: ApiOptions, sender: CommandSender): void {
  app.post<{ Params: { id: string }; Querystring: { wait: number }; Body: ChangesInput }>(
    "/api/v1/stations/:id/configuration",
    {
      config: { role: "operator" },
      schema: {
        tags: ["Configuration"],
        summary:
          "Change the station's configuration, value by value or to a template; as ordinary commands, one after another",
        params: stationIdParam,
        querystring: {
          type: "object",
          properties: {
            wait: {
              type: "number",
              minimum: 0,
              maximum: limits.commandTimeoutSecondsMax,
              default: 0,
              description: "Seconds to wait for all outcomes; without it only the first commands are sent",
            },
          },
        },
        body: changesSchema,
        response: answers({ 202: changesAnswer }, 404, 409, 422, 429, 503),
      },
      handler: async (request, reply) => {
        const principal = principalOf(request);
        const station = stationIdOf(request.params.id);
        const { changes, template, timeoutSeconds } = request.body;
        const path = changes ? "/changes" : "/template/entries";
        const wanted = changes ?? templateOf(context.registry, principal.party, template!).entries;
        checkEntries(wanted, path);
        const protocol = await connectedProtocol(context, principal.party, station);
        if (changes) checkWorld(changes, protocol, "/changes");
        const planned = await plan(context, principal.party, station, protocol, wanted, changes !== undefined);
        const entries = planned.flatMap(({ entry, outcome }) => (outcome === undefined ? [entry] : []));
        checkChanges(protocol, entries, path);
        const waitSeconds = request.query.wait;
        const sending = { context, sender, principal, station, protocol, timeoutSeconds, waitSeconds };
        const sent = (await sendChanges(sending, entries)).values();
        const items = planned.map(({ entry, outcome }) => ({
          ...entry,
          ...(outcome === undefined ? sent.next().value : { outcome, commandId: null }),
        }));
        return reply.code(202).send({ items });
      },
    },
  );
}

interface Planned {
  readonly entry: ConfigurationEntryDoc;
  /** undefined: it is to be sent. */
  readonly outcome: Exclude<ItemOutcome, null> | undefined;
}

const settled: Readonly<Partial<Record<Difference, Planned["outcome"]>>> = {
  same: "unchanged",
  reboot_pending: "reboot_required",
  read_only: "read_only",
};

/** What is asked for by name is sent; of a template, what the station is not known to have. */
async function plan(
  context: ApiOptions,
  party: PartyId,
  station: StationId,
  protocol: Protocol,
  entries: readonly ConfigurationEntryDoc[],
  isAskedByName: boolean,
): Promise<Planned[]> {
  if (isAskedByName) return entries.map((entry) => ({ entry, outcome: undefined }));
  const compared = await compare(context, party, station, protocol, entries);
  return compared.map(({ entry, status }) => ({ entry, outcome: settled[status] }));
}
