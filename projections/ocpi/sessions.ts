// Sender interface of sessions (Sessions): to the owner of the token alone, in kWh.
import type { PartyId } from "../../core/ids/ids.ts";
import { noCurrency } from "../../core/price/tariff.ts";
import type { Cdr, CdrLine, CdrPeriod, Price } from "../../core/records/domain-event.ts";
import type { TariffDoc, TokenDoc } from "../../core/registry/entities.ts";
import type { SessionRow } from "../../core/store/tables.ts";
import type { ApiOptions } from "../rest/context.ts";
import type { OcpiCall, OcpiHandler, OcpiView } from "./call.ts";
import { invalid, notFound } from "./envelope.ts";
import { pageAnswer, pageOf, pageQuery } from "./paging.ts";
import { placeOfSession, type Place } from "./places.ts";
import { locationOfPlace } from "./location-object.ts";
import { authorisationOf, tokenAtTime } from "./session-facts.ts";
import { cdrTokenOf } from "./token-object.ts";
import { hours, isMembers, kwh, numberOf, parseUtc, utc, type Members } from "./values.ts";
import { sessionIn } from "./versions/bills.ts";
import { hasStandard, locationIn } from "./versions/locations.ts";

/** Rows looked at in one step while a partner's own are looked for. */
const rowsAtOnce = 2_000;

export const listSessions: OcpiHandler = async (call) => {
  const page = pageQuery(call);
  if (page.from === undefined) throw invalid("date_from is required for sessions.");
  const passed = await call.services.watermark.passed();
  const until = Math.min(page.to ?? Infinity, passed);
  const { total, items } = await pageOf(page, ownSessions(call, page.from, until));
  return pageAnswer(call, page, total, await showSessions(call, items));
};

type Key = Pick<SessionRow, "id" | "started_at" | "id_token" | "station" | "evse_id" | "connector_id" | "last_updated">;

/** By start, which is when they came to be. */
async function* ownSessions(call: OcpiCall, from: number, until: number): AsyncIterable<string> {
  const { context, party } = call;
  let after: Key | undefined;
  for (;;) {
    let query = context.store.reader
      .selectFrom("live_session")
      .select(["id", "started_at", "id_token", "station", "evse_id", "connector_id", "last_updated"])
      .where("party", "=", party)
      .where("last_updated", ">=", from)
      .orderBy("started_at")
      .orderBy("id")
      .limit(rowsAtOnce);
    if (Number.isFinite(until)) query = query.where("last_updated", "<", until);
    const last = after;
    if (last) {
      query = query.where((eb) =>
        eb.or([
          eb("started_at", ">", last.started_at),
          eb.and([eb("started_at", "=", last.started_at), eb("id", ">", last.id)]),
        ]),
      );
    }
    const rows: Key[] = await query.execute();
    for (const row of rows) if (factsOf(call, row)) yield row.id;
    if (rows.length < rowsAtOnce) return;
    after = rows.at(-1);
  }
}

interface Facts {
  readonly token: TokenDoc;
  readonly place: Place;
}

function factsOf({ context, party, partner, version }: OcpiView, row: Key): Facts | undefined {
  const token = tokenAtTime(context, partner, row.id_token, Math.min(row.started_at, row.last_updated));
  if (!token) return undefined;
  const place = placeOfSession(context.registry, party, row);
  if (place && hasStandard(version, place.connector)) return { token, place };
  context.logger.warn(
    { session: row.id, station: row.station },
    "no location has this station, or its connector is of no standard that OCPI has: its partner is not told",
  );
  return undefined;
}

export async function showSessions(call: OcpiView, ids: readonly string[]): Promise<readonly Members[]> {
  if (ids.length === 0) return [];
  const { context, party } = call;
  const rows = await context.store.reader
    .selectFrom("live_session")
    .selectAll()
    .where("party", "=", party)
    .where("id", "in", ids)
    .execute();
  const byId = new Map(rows.map((row) => [row.id, row]));
  const shown: Members[] = [];
  for (const id of ids) {
    const row = byId.get(id);
    const facts = row && factsOf(call, row);
    if (row && facts) shown.push(await showSession(call, row, facts));
  }
  return shown;
}

async function showSession({ context, party, version }: OcpiView, row: SessionRow, facts: Facts): Promise<Members> {
  const { place, token } = facts;
  const told = await chargingOf(context, party, row);
  const [excl, incl] = [numberOf(told.total?.exclVat), numberOf(told.total?.inclVat)];
  const session = {
    country_code: party.slice(0, 2),
    party_id: party.slice(2),
    id: row.id,
    start_date_time: utc(row.started_at),
    ...(row.ended_at === null ? {} : { end_date_time: utc(row.ended_at) }),
    kwh: kwh(row.energy_mwh),
    cdr_token: cdrTokenOf(token, party, version),
    ...(await authorisationOf(context, party, { ...row, idToken: row.id_token })),
    location_id: place.location.id,
    evse_uid: place.evse.uid,
    connector_id: place.connector.id,
    currency: told.currency ?? currencyOf(context, party, place),
    charging_periods: told.periods.map((period) => showPeriod(period, told.tariffId)),
    ...(excl === undefined
      ? {}
      : { total_cost: { excl_vat: excl, ...(incl === undefined ? {} : { incl_vat: incl }) } }),
    status: row.status === "active" ? "ACTIVE" : "COMPLETED",
    last_updated: utc(row.last_updated),
  };
  const location = locationIn[version](locationOfPlace(party, place, row.last_updated));
  return sessionIn[version](session, { location, lines: told.lines ?? [] });
}

interface Charging {
  readonly periods: readonly CdrPeriod[];
  readonly tariffId: string | null;
  readonly currency: string | null;
  readonly total: Price | null;
  readonly lines?: readonly CdrLine[];
}

/** Of an ended session what its CDR says, of one that goes on what its readings give so far. */
async function chargingOf(context: OcpiView["context"], party: PartyId, row: SessionRow): Promise<Charging> {
  const { store, runningPrices } = context;
  if (row.cdr_id !== null) {
    const found = await store.reader
      .selectFrom("live_cdr")
      .select("document")
      .where("party", "=", party)
      .where("id", "=", row.cdr_id)
      .executeTakeFirst();
    if (found) {
      const cdr = JSON.parse(found.document) as Cdr;
      return { ...cdr, periods: cdr.periods ?? [wholeOf(row)] };
    }
  }
  const asked = { id: row.id, station: row.station, until: row.last_updated };
  const soFar = await runningPrices?.soFar(party, asked);
  if (soFar) return soFar;
  const { cost_excl_vat: exclVat, cost_incl_vat: inclVat, currency } = row;
  const total = exclVat === null || inclVat === null ? null : { exclVat, inclVat };
  return { periods: [wholeOf(row)], tariffId: null, currency, total };
}

/** Of one that has no CDR and is not open any more, such as one whose CDR waits for a person. */
function wholeOf({ started_at: startedAt, ended_at: endedAt, last_updated: seen, energy_mwh }: SessionRow): CdrPeriod {
  const durationMs = Math.max(0, (endedAt ?? seen) - startedAt);
  return { startedAt, dimension: "TIME", durationMs, energyMwh: energy_mwh };
}

/** Deltas, stamped at its start. */
export function showPeriod(period: CdrPeriod, tariffId: string | null): Members {
  return {
    start_date_time: utc(period.startedAt),
    dimensions: [
      { type: "ENERGY", volume: kwh(period.energyMwh) },
      { type: period.dimension, volume: hours(period.durationMs) },
    ],
    ...(tariffId === null ? {} : { tariff_id: tariffId }),
  };
}

export function currencyOf(
  { registry }: Pick<ApiOptions, "registry">,
  party: PartyId,
  place: Place | undefined,
): string {
  const fallback = registry.setting(party, "defaultTariffId");
  const id =
    place?.connector.tariff_ids?.[0] ?? (typeof fallback === "string" && fallback !== "" ? fallback : undefined);
  const tariff: TariffDoc | undefined = id === undefined ? undefined : registry.find(party, "tariff", id)?.doc;
  return tariff?.currency ?? noCurrency;
}

const profiles: ReadonlySet<unknown> = new Set(["CHEAP", "FAST", "GREEN", "REGULAR"]);

/** OCPI wants 404 with 2001 where the EVSE does not have the capability, as for sessions that are not the partner's. */
export const putChargingPreferences: OcpiHandler = async (call) => {
  const { body, params } = call;
  const row = await ownSession(call, params["session"] ?? "");
  const facts = row && factsOf(call, row);
  if (!row || !facts) throw notFound("There is no such session.");
  const { capabilities } = facts.place.evse;
  if (!Array.isArray(capabilities) || !capabilities.includes("CHARGING_PREFERENCES_CAPABLE")) {
    throw notFound("The EVSE of this session takes no charging preferences.");
  }
  if (!isMembers(body) || !profiles.has(body["profile_type"])) throw invalid("profile_type is none of OCPI's.");
  const departure = body["departure_time"];
  if (departure !== undefined && parseUtc(departure) === undefined) throw invalid("departure_time must be a UTC time.");
  const need = body["energy_need"];
  if (need !== undefined && typeof need !== "number") throw invalid("energy_need must be a number of kWh.");
  // No profile of a station is set from here yet, and none is promised.
  return { data: "NOT_POSSIBLE" };
};

/** undefined: there is none, or it is not this partner's. */
export async function ownSession(call: OcpiCall, id: string): Promise<SessionRow | undefined> {
  const { context, party, partner } = call;
  const row = await context.store.reader
    .selectFrom("live_session")
    .selectAll()
    .where("party", "=", party)
    .where("id", "=", id.toLowerCase())
    .executeTakeFirst();
  const began = row && Math.min(row.started_at, row.last_updated);
  return row && began !== undefined && tokenAtTime(context, partner, row.id_token, began) ? row : undefined;
}
