// /api/v1/health/uptime and /intervals: uptime of ports, stations and groups by two formulas, and the facts that it follows from.
import type { FastifyInstance } from "fastify";

import { openEnd, type StatusIntervalRow } from "../../core/store/status-interval.ts";
import type { PartyId } from "../../core/ids/ids.ts";
import type { GroupFilter, Grouping } from "../health/station-groups.ts";
import { added, noUptime, type Uptime } from "../health/uptime.ts";
import { uptimesByGroup, uptimesByStation, type Question, type StationUptime } from "../health/uptime-report.ts";
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
  showUptime,
  uptimeProperties,
  type PeriodQuery,
} from "./health-format.ts";
import { decodeCursor, encodeCursor, pageOf, type Page, type PageQuery } from "./paging.ts";
import { answers, listQuery, nullableText, nullableTime, pageSchema } from "./schemas.ts";

const bys = ["port", "connector", "station", "vendor", "model", "locationId", "carrier", "siteGroup", "fleet"] as const;
type By = (typeof bys)[number];

const uptimeItem = {
  type: "object",
  properties: {
    stationId: { type: "string", description: "Of a port, a connector or a station" },
    evseId: { type: "integer" },
    connectorId: { type: ["integer", "null"] },
    group: {
      ...nullableText,
      description: "Of a group: its name; null: stations of which nobody said it, or the fleet",
    },
    ...memberProperties,
    ...uptimeProperties,
    exclusions: { type: "array", items: { type: "string" }, description: "Ids of those that reach into it" },
  },
} as const;

const intervalItem = {
  type: "object",
  properties: {
    stationId: { type: "string" },
    evseId: { type: "integer", description: "0: the station as a whole (1.6)" },
    connectorId: { type: "integer" },
    status: { type: "string", description: "As the station said it, or Offline" },
    cause: { type: "string", description: "reported, reconnected, or of Offline why the connection ended" },
    errorCode: nullableText,
    vendor: nullableText,
    model: nullableText,
    firmware: nullableText,
    from: { type: "string", format: "date-time" },
    to: { ...nullableTime, description: "null: it lasts" },
    minutes: { type: ["number", "null"] },
  },
} as const;

type Asks = PageQuery & PeriodQuery & GroupFilter & { readonly by: By };

export function installHealth(app: FastifyInstance, context: ApiOptions, watermark: Watermark): void {
  installIntervals(app, context);
  const page = pageSchema(uptimeItem);
  app.get<{ Querystring: Asks }>("/api/v1/health/uptime", {
    config: { role: "viewer" },
    schema: {
      tags: ["Station health"],
      summary: "Uptime over a period, by NEVI's formula (23 CFR 680.116) and an own one",
      description: "Computed from /health/intervals and /health/exclusions alone: docs/station-health.md says how.",
      querystring: {
        ...listQuery({
          ...periodQuery,
          by: { type: "string", enum: bys, default: "port", description: "A port is an EVSE" },
          ...groupFilters,
        }),
        required: ["from", "to"],
      },
      response: answers({ 200: { ...page, properties: { ...periodProperties, ...page.properties } } }, 400),
    },
    handler: async (request) => {
      const { limit, cursor, from, to, by, ...filter } = request.query;
      const { period, shown } = await periodOf({ from, to }, watermark);
      const question: Question = { party: principalOf(request).party, period, filter };
      const paged = { limit, ...(cursor === undefined ? {} : { cursor }) };
      return { ...shown, ...(await uptimePage(context, question, by, paged)) };
    },
  });
}

function uptimePage(context: ApiOptions, question: Question, by: By, page: PageQuery): Promise<Page<object>> {
  if (by === "port" || by === "connector") return portsPage(context, question, by, page);
  if (by === "station") return stationsPage(context, question, page);
  return groupsPage(context, question, by, page);
}

async function portsPage(context: ApiOptions, question: Question, by: "port" | "connector", page: PageQuery) {
  const after = decodeCursor(page.cursor, ["string", "number", "number"]);
  const rows: (StationUptime["ports"][number] & Pick<StationUptime, "station" | "member">)[] = [];
  const unit = by === "port" ? "evse" : "connector";
  for await (const { station, member, ports } of uptimesByStation(context, question, unit, after?.[0])) {
    for (const port of ports) {
      if (after && station === after[0] && !isAfter(port, after)) continue;
      rows.push({ station, member, ...port });
    }
    if (rows.length > page.limit) break;
  }
  const keys = (row: (typeof rows)[number]) => [row.station, row.evseId, row.connectorId ?? 0];
  return pageOf(rows, page.limit, keys, (row) => ({
    stationId: row.station,
    evseId: row.evseId,
    connectorId: row.connectorId,
    ...showMember(row.member),
    ...showUptime(row),
    exclusions: row.exclusions,
  }));
}

function isAfter(
  port: { readonly evseId: number; readonly connectorId: number | null },
  [, evseId, connectorId]: readonly [string, number, number],
): boolean {
  return port.evseId > evseId || (port.evseId === evseId && (port.connectorId ?? 0) > connectorId);
}

async function stationsPage(context: ApiOptions, question: Question, page: PageQuery) {
  const after = decodeCursor(page.cursor, ["string"])?.[0];
  const rows: StationUptime[] = [];
  for await (const row of uptimesByStation(context, question, "evse", after)) {
    if (row.station !== after) rows.push(row);
    if (rows.length > page.limit) break;
  }
  return pageOf(
    rows,
    page.limit,
    ({ station }) => [station],
    ({ station, member, ports }) => ({
      stationId: station,
      ...showMember(member),
      ...showUptime(ports.reduce<Uptime>(added, noUptime)),
      exclusions: [...new Set(ports.flatMap(({ exclusions }) => exclusions))].sort(),
    }),
  );
}

async function groupsPage(context: ApiOptions, question: Question, by: Grouping | "fleet", page: PageQuery) {
  const after = decodeCursor(page.cursor, ["string"])?.[0];
  // One without a name comes first.
  const groups = [...(await uptimesByGroup(context, question, by))].sort(([a], [b]) =>
    (a ?? "") < (b ?? "") ? -1 : 1,
  );
  const { rows, more } = pageAfter(groups, page, ([name]) => after === undefined || (name ?? "") > after);
  const items = rows.map(([group, uptime]) => ({ group, ...showUptime(uptime) }));
  return more ? { items, nextCursor: encodeCursor([rows.at(-1)![0] ?? ""]) } : { items };
}

interface IntervalQuery extends PageQuery, Partial<PeriodQuery> {
  readonly station: string;
}

function installIntervals(app: FastifyInstance, context: ApiOptions): void {
  app.get<{ Querystring: IntervalQuery }>("/api/v1/health/intervals", {
    config: { role: "viewer" },
    schema: {
      tags: ["Station health"],
      summary: "What a station's connectors were, from when to when",
      querystring: {
        ...listQuery({ station: groupFilters.station, ...periodQuery }),
        required: ["station"],
      },
      response: answers({ 200: pageSchema(intervalItem) }, 400),
    },
    handler: async (request) => {
      const { party } = principalOf(request);
      const rows = await intervalRows(context, party, request.query);
      return pageOf(
        rows,
        request.query.limit,
        ({ sequence, evse_id, connector_id }) => [sequence, evse_id, connector_id],
        showInterval,
      );
    },
  });
}

/** In the order in which they began. */
function intervalRows({ store }: ApiOptions, party: PartyId, query: IntervalQuery) {
  const { station, from, to, cursor, limit } = query;
  const after = decodeCursor(cursor, ["number", "number", "number"]);
  let rows = store.reader
    .selectFrom("live_status_interval")
    .selectAll()
    .where("party", "=", party)
    .where("station", "=", station)
    .where("to_at", ">", from === undefined ? 0 : Date.parse(from));
  if (to !== undefined) rows = rows.where("from_at", "<", Date.parse(to));
  if (after) {
    rows = rows.where((eb) =>
      eb(eb.refTuple("sequence", "evse_id", "connector_id"), ">", eb.tuple(after[0], after[1], after[2])),
    );
  }
  return rows
    .orderBy("sequence")
    .orderBy("evse_id")
    .orderBy("connector_id")
    .limit(limit + 1)
    .execute();
}

function showInterval(row: StatusIntervalRow) {
  const lasts = row.to_at === openEnd;
  return {
    stationId: row.station,
    evseId: row.evse_id,
    connectorId: row.connector_id,
    status: row.status,
    cause: row.cause,
    errorCode: row.fault_code,
    vendor: row.vendor,
    model: row.model,
    firmware: row.firmware,
    from: time(row.from_at),
    to: lasts ? null : time(row.to_at),
    minutes: lasts ? null : minutes(row.to_at - row.from_at),
  };
}
