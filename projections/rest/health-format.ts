// Station health as REST and the command line show it.
import type { Watermark } from "../ocpi/watermark.ts";
import { groupings, type Membership } from "../health/station-groups.ts";
import { neviPercent, ownPercent, type Uptime } from "../health/uptime.ts";
import { time } from "./format.ts";
import type { PageQuery } from "./paging.ts";
import { Problem } from "./problems.ts";
import { nullableNumber, nullableText, timeFilter } from "./schemas.ts";
import type { Period } from "../health/uptime-report.ts";

/** To a thousandth, for what is shown; percentages are of the whole milliseconds. */
export function minutes(ms: number): number {
  return Math.round(ms / 60) / 1_000;
}

export function showUptime(uptime: Uptime) {
  return {
    ports: uptime.ports,
    observedMinutes: minutes(uptime.observed),
    outageMinutes: minutes(uptime.outage),
    outageByStatus: {
      offline: minutes(uptime.byStatus.Offline),
      faulted: minutes(uptime.byStatus.Faulted),
      unavailable: minutes(uptime.byStatus.Unavailable),
    },
    nevi: { excludedMinutes: minutes(uptime.neviExcluded), percent: neviPercent(uptime) },
    own: {
      excludedMinutes: minutes(uptime.excluded),
      downMinutes: minutes(uptime.down),
      percent: ownPercent(uptime),
    },
  };
}

export const uptimeProperties = {
  ports: { type: "integer", description: "Ports or connectors that this is of" },
  observedMinutes: { type: "number", description: "P: of the period, since the first report; of several, their sum" },
  outageMinutes: { type: "number", description: "T_outage: offline, out of order or unavailable" },
  outageByStatus: {
    type: "object",
    properties: { offline: { type: "number" }, faulted: { type: "number" }, unavailable: { type: "number" } },
  },
  nevi: {
    type: "object",
    description: "23 CFR 680.116(b)(3): (P − (T_outage − T_excluded)) / P × 100",
    properties: {
      excludedMinutes: { type: "number", description: "T_excluded: of the outage, by causes that it names" },
      percent: { ...nullableNumber, description: "Three decimals, never rounded up; null: nothing was observed" },
    },
  },
  own: {
    type: "object",
    description:
      "(P − E − D) / (P − E) × 100: what was excluded is no time at all, offline for under 5 minutes no outage",
    properties: {
      excludedMinutes: { type: "number", description: "E: by any cause" },
      downMinutes: { type: "number", description: "D: outage that nobody excluded and that was no short reconnect" },
      percent: nullableNumber,
    },
  },
} as const;

/** Which stations a question is about. */
export const groupFilters = {
  station: { type: "string", maxLength: 48, description: "Of one station alone" },
  vendor: { type: "string", maxLength: 100 },
  model: { type: "string", maxLength: 100 },
  locationId: { type: "string", maxLength: 36 },
  carrier: { type: "string", maxLength: 100, description: "Whose SIM stations connect by, as the registry says" },
  siteGroup: { type: "string", maxLength: 100, description: "As the registry says" },
} as const;

export const memberProperties = Object.fromEntries(groupings.map((name) => [name, nullableText]));

export function showMember(member: Membership) {
  return Object.fromEntries(groupings.map((name) => [name, member[name]]));
}

export interface PeriodQuery {
  readonly from: string;
  readonly to: string;
}

export const periodQuery = {
  from: { ...timeFilter, description: "Log time" },
  to: { ...timeFilter, description: "Exclusive" },
} as const;

/** What every answer says of its period, so that it can be asked again. */
export const periodProperties = {
  from: { type: "string" },
  to: { type: "string" },
  asOf: { type: "string", description: "What lasts is counted up to here: `to`, or how far the tables have come" },
  complete: { type: "boolean", description: "The tables hold all of the period: asked again, the answer is the same" },
} as const;

export interface Asked {
  readonly period: Period;
  readonly shown: { readonly from: string; readonly to: string; readonly asOf: string; readonly complete: boolean };
}

/** @throws Problem `bad-request` */
export async function periodOf(query: PeriodQuery, watermark: Watermark): Promise<Asked> {
  const [from, to] = [Date.parse(query.from), Date.parse(query.to)];
  if (to <= from) throw new Problem("bad-request", "The period ends before it begins.", { path: "to" });
  const passed = await watermark.passed();
  const asOf = Math.max(from, Math.min(to, passed));
  return {
    period: { from, to: asOf },
    shown: { from: time(from), to: time(to), asOf: time(asOf), complete: passed >= to },
  };
}

/** Lists that are made as a whole: the page after a key, in the order of the keys. */
export function pageAfter<Row>(
  rows: readonly Row[],
  { limit }: PageQuery,
  isAfter: (row: Row) => boolean,
): { readonly rows: readonly Row[]; readonly more: boolean } {
  const rest = rows.filter(isAfter);
  return { rows: rest.slice(0, limit), more: rest.length > limit };
}
