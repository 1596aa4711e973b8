// /api/v1/health/starts, /idle and /faults: what came of attempts to charge, who waits for drivers in vain, what breaks where.
import type { FastifyInstance } from "fastify";

import { faultTrends, type FaultRow } from "../health/faults.ts";
import { idleConnectors, type IdleConnector } from "../health/idle.ts";
import {
  attemptsOf,
  authorisedNotStarted,
  startsBy,
  successPercent,
  type Starts,
  type StartsBy,
} from "../health/starts.ts";
import { groupings, type GroupFilter } from "../health/station-groups.ts";
import type { Watermark } from "../ocpi/watermark.ts";
import type { ApiOptions } from "./context.ts";
import { time } from "./format.ts";
import { principalOf } from "./guard.ts";
import {
  groupFilters,
  memberProperties,
  minutes,
  pageAfter,
  periodOf,
  periodProperties,
  periodQuery,
  showMember,
  type PeriodQuery,
} from "./health-format.ts";
import { decodeCursor, encodeCursor, pageOf, type PageQuery } from "./paging.ts";
import { answers, listQuery, nullableNumber, nullableText, nullableTime, pageSchema } from "./schemas.ts";

const startsBys = ["fleet", "station", ...groupings] as const satisfies readonly StartsBy[];

const startsItem = {
  type: "object",
  properties: {
    group: {
      ...nullableText,
      description: "A station or a group; null: stations of which nobody said it, or the fleet",
    },
    attempts: {
      type: "integer",
      description: "delivered + withoutEnergy + remote.refused + remote.failed + remote.notStarted",
    },
    delivered: { type: "integer", description: "Sessions with energy" },
    percent: { ...nullableNumber, description: "delivered / attempts × 100, never rounded up" },
    authorisedNotStarted: { type: "integer", description: "withoutEnergy + remote.notStarted" },
    withoutEnergy: { type: "integer", description: "Sessions that ended without any" },
    pending: { type: "integer", description: "Sessions that last and have none yet: no attempts" },
    remote: {
      type: "object",
      properties: {
        requested: { type: "integer" },
        refused: { type: "integer", description: "The station said no" },
        failed: { type: "integer", description: "Not connected, no answer in time, or an error" },
        notStarted: { type: "integer", description: "Accepted, and no session within the connection time-out" },
      },
    },
  },
} as const;

export function showStarts(starts: Starts) {
  const { delivered, withoutEnergy, pending, remote } = starts;
  return {
    attempts: attemptsOf(starts),
    delivered,
    percent: successPercent(starts),
    authorisedNotStarted: authorisedNotStarted(starts),
    withoutEnergy,
    pending,
    remote,
  };
}

const idleItem = {
  type: "object",
  properties: {
    stationId: { type: "string" },
    evseId: { type: "integer" },
    connectorId: { type: "integer" },
    status: { type: "string" },
    lastSessionAt: { ...nullableTime, description: "When it began; null: there never was one" },
    ...memberProperties,
  },
} as const;

export function showIdle(row: IdleConnector) {
  const { station, evseId, connectorId, status, member } = row;
  return {
    stationId: station,
    evseId,
    connectorId,
    status,
    lastSessionAt: time(row.lastSessionAt),
    ...showMember(member),
  };
}

const faultItem = {
  type: "object",
  properties: {
    week: { type: "string", format: "date", description: "Its Monday (UTC), by log time" },
    vendor: { type: "string", description: "Of the last boot before; empty: the station said nothing" },
    model: { type: "string" },
    firmware: { type: "string" },
    code: {
      type: "string",
      description:
        "1.6 error code; 2.x: Component/Variable of the event that came with it; `Faulted` where the station said neither",
    },
    vendorCode: { ...nullableText, description: "2.x: techCode of that event; null: none" },
    faulted: { type: "boolean", description: "false: told with another status than Faulted, a warning" },
    faults: { type: "integer" },
    stations: { type: "integer" },
    minutes: { type: "number" },
  },
} as const;

export function showFault(row: FaultRow) {
  const { week, isFaulted, ms, faults, stations, ...named } = row;
  const monday = time(week).slice(0, 10);
  return { week: monday, ...named, faulted: isFaulted, faults, stations, minutes: minutes(ms) };
}

const dayMs = 24 * 3_600_000;

export function installHealthRates(app: FastifyInstance, context: ApiOptions, watermark: Watermark): void {
  installStarts(app, context, watermark);
  installIdle(app, context);
  installFaults(app, context, watermark);
}

type StartsQuery = PageQuery & PeriodQuery & GroupFilter & { readonly by: StartsBy };

function installStarts(app: FastifyInstance, context: ApiOptions, watermark: Watermark): void {
  const page = pageSchema(startsItem);
  app.get<{ Querystring: StartsQuery }>("/api/v1/health/starts", {
    config: { role: "viewer" },
    schema: {
      tags: ["Station health"],
      summary: "Start success rate, and who was authorised and charged nothing",
      description: "Sessions by their start as the station told it, remote starts by log time.",
      querystring: {
        ...listQuery({ ...periodQuery, by: { type: "string", enum: startsBys, default: "fleet" }, ...groupFilters }),
        required: ["from", "to"],
      },
      response: answers({ 200: { ...page, properties: { ...periodProperties, ...page.properties } } }, 400),
    },
    handler: async (request) => {
      const { limit, cursor, from, to, by, ...filter } = request.query;
      const { period, shown } = await periodOf({ from, to }, watermark);
      const after = decodeCursor(cursor, ["string"])?.[0];
      const groups = await startsBy(context, { party: principalOf(request).party, period, filter }, by);
      const ordered = [...groups].sort(([a], [b]) => ((a ?? "") < (b ?? "") ? -1 : 1));
      const { rows, more } = pageAfter(ordered, { limit }, ([name]) => after === undefined || (name ?? "") > after);
      const items = rows.map(([group, starts]) => ({ group, ...showStarts(starts) }));
      return { ...shown, items, ...(more && { nextCursor: encodeCursor([rows.at(-1)![0] ?? ""]) }) };
    },
  });
}

function installIdle(app: FastifyInstance, context: ApiOptions): void {
  app.get<{ Querystring: PageQuery & GroupFilter & { readonly days: number } }>("/api/v1/health/idle", {
    config: { role: "viewer" },
    schema: {
      tags: ["Station health"],
      summary: "Connectors that are online, could charge, and had no session for so many days",
      querystring: listQuery({
        days: { type: "integer", minimum: 1, maximum: 3_650, default: 7 },
        ...groupFilters,
      }),
      response: answers({ 200: pageSchema(idleItem) }, 400),
    },
    handler: async (request) => {
      const { limit, cursor, days, ...filter } = request.query;
      const after = decodeCursor(cursor, ["string", "number", "number"]);
      const since = context.clock.now() - days * dayMs;
      const rows: IdleConnector[] = [];
      const question = { party: principalOf(request).party, filter, since };
      for await (const row of idleConnectors(context, question, after?.[0])) {
        if (after && row.station === after[0] && !isBeyond(row, after)) continue;
        rows.push(row);
        if (rows.length > limit) break;
      }
      return pageOf(rows, limit, ({ station, evseId, connectorId }) => [station, evseId, connectorId], showIdle);
    },
  });
}

function isBeyond({ evseId, connectorId }: IdleConnector, [, evse, connector]: readonly [string, number, number]) {
  return evseId > evse || (evseId === evse && connectorId > connector);
}

function installFaults(app: FastifyInstance, context: ApiOptions, watermark: Watermark): void {
  const page = pageSchema(faultItem);
  const { vendor, model } = groupFilters;
  type Query = PageQuery & PeriodQuery & { readonly vendor?: string; readonly model?: string };
  app.get<{ Querystring: Query }>("/api/v1/health/faults", {
    config: { role: "viewer" },
    schema: {
      tags: ["Station health"],
      summary: "Fault codes by week, vendor, model and firmware",
      querystring: { ...listQuery({ ...periodQuery, vendor, model }), required: ["from", "to"] },
      response: answers({ 200: { ...page, properties: { ...periodProperties, ...page.properties } } }, 400),
    },
    handler: async (request) => {
      const { limit, cursor, from, to, ...filter } = request.query;
      const { period, shown } = await periodOf({ from, to }, watermark);
      const skip = decodeCursor(cursor, ["number"])?.[0] ?? 0;
      const all = await faultTrends(context, { party: principalOf(request).party, period, filter });
      const items = all.slice(skip, skip + limit).map(showFault);
      return { ...shown, items, ...(all.length > skip + limit && { nextCursor: encodeCursor([skip + limit]) }) };
    },
  });
}
