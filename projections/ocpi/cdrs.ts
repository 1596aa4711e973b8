// Sender interface of CDRs (CDRs): immutable, with location, tariff and token as they were when the session began.
import type { Cdr, CdrLine, CdrPeriod } from "../../core/records/domain-event.ts";
import { tokenKey, type TokenDoc } from "../../core/registry/entities.ts";
import type { CdrRow } from "../../core/store/tables.ts";
import type { OcpiCall, OcpiHandler, OcpiView } from "./call.ts";
import { pageAnswer, pageOf, pageQuery } from "./paging.ts";
import { docAtTime, placeAtPosition, placeAtTime, type Place } from "./places.ts";
import { locationOfPlace } from "./location-object.ts";
import { authorisationOf, cdrLocation } from "./session-facts.ts";
import { currencyOf, showPeriod } from "./sessions.ts";
import { signedDataOf } from "./signed-data.ts";
import { cdrTokenOf } from "./token-object.ts";
import { hours, kwh, numberOf, utc, type Members } from "./values.ts";
import { cdrIn, isBilledIn } from "./versions/bills.ts";
import { hasStandard, locationIn } from "./versions/locations.ts";
import { tariffIn } from "./versions/tariffs.ts";

const rowsAtOnce = 1_000;

export const listCdrs: OcpiHandler = async (call) => {
  const page = pageQuery(call);
  const passed = await call.services.watermark.passed();
  const until = Math.min(page.to ?? Infinity, passed);
  const { total, items } = await pageOf(page, ownCdrs(call, page.from ?? 0, until));
  const shown: Members[] = [];
  for (const own of items) shown.push(await showCdr(call, own));
  return pageAnswer(call, page, total, shown);
};

/** As it is pushed. undefined: there is none, it is another's, or it cannot be told; then the operator was. */
export async function findCdr(view: OcpiView, id: string): Promise<Members | undefined> {
  const row = await view.context.store.reader
    .selectFrom("live_cdr")
    .select(["id", "session_id", "station", "document", "last_updated"])
    .where("party", "=", view.party)
    .where("id", "=", id)
    .executeTakeFirst();
  const own = row && ownCdr(view, row);
  return own && showCdr(view, own);
}

interface OwnCdr {
  readonly row: Row;
  readonly cdr: Cdr;
  readonly token: TokenDoc;
  readonly place: Place;
  readonly location: Members;
}

type Row = Pick<CdrRow, "id" | "session_id" | "station" | "document" | "last_updated">;

/** In the order of their creation, which is their only change. */
async function* ownCdrs(call: OcpiCall, from: number, until: number): AsyncIterable<OwnCdr> {
  const { context, party } = call;
  let after: Row | undefined;
  for (;;) {
    let query = context.store.reader
      .selectFrom("live_cdr")
      .select(["id", "session_id", "station", "document", "last_updated"])
      .where("party", "=", party)
      .where("last_updated", ">=", from)
      .orderBy("last_updated")
      .orderBy("id")
      .limit(rowsAtOnce);
    if (Number.isFinite(until)) query = query.where("last_updated", "<", until);
    const last = after;
    if (last) {
      query = query.where((eb) =>
        eb.or([
          eb("last_updated", ">", last.last_updated),
          eb.and([eb("last_updated", "=", last.last_updated), eb("id", ">", last.id)]),
        ]),
      );
    }
    const rows: Row[] = await query.execute();
    for (const row of rows) {
      const own = ownCdr(call, row);
      if (own) yield own;
    }
    if (rows.length < rowsAtOnce) return;
    after = rows.at(-1);
  }
}

/** What the fold says where the price is not known, not where there is none. */
const withoutPrice: ReadonlySet<string> = new Set(["tariffRestrictionsUnsupported", "tariffInvalid"]);

/** undefined: it is not this partner's, or cannot be told: the operator is. */
function ownCdr({ context, party, partner, version }: OcpiView, row: Row): OwnCdr | undefined {
  const cdr = JSON.parse(row.document) as Cdr;
  if (cdr.idToken === null) return undefined;
  const key = tokenKey(cdr.idToken);
  // As of the session's first record; a token that the partner pushed only afterwards is its token all the same.
  const token =
    context.registry.find(party, "token", key, cdr.registry)?.doc ??
    (docAtTime(context.registry, party, "token", key, first) as TokenDoc | undefined);
  if (token?.roaming?.partner !== partner.doc.id) return undefined;
  const of = { station: row.station, evseId: cdr.evseId, connectorId: cdr.connectorId };
  // Where it was registered only afterwards, as it was registered first.
  const place =
    placeAtPosition(context.registry, party, of, cdr.registry) ?? placeAtTime(context.registry, party, of, first);
  const location = place && hasStandard(version, place.connector) ? cdrLocation(place) : undefined;
  const unpriced = cdr.total === null && cdr.annotations.some((word) => withoutPrice.has(word));
  const isBilled = isBilledIn(version, cdr);
  if (place && location && !unpriced && isBilled) return { row, cdr, token, place, location };
  const unsaid = isBilled ? "OCPI needs more of its location" : "OCPI 2.1.1 knows neither credits nor corrections";
  const why = unpriced ? "its price is not known" : unsaid;
  context.logger.warn({ cdr: row.id, station: row.station, why }, "a CDR is withheld from its partner");
  return undefined;
}

/** Before every log time. */
const first = -Infinity;

async function showCdr(call: OcpiView, own: OwnCdr): Promise<Members> {
  const { row, cdr, place } = own;
  const location = locationIn[call.version](locationOfPlace(call.party, place, row.last_updated));
  return cdrIn[call.version](await wholeCdr(call, own), { location, lines: cdr.lines });
}

/** In the words of 2.2.1, but for its tariff. */
async function wholeCdr(call: OcpiView, { row, cdr, token, location }: OwnCdr): Promise<Members> {
  const { context, party, version } = call;
  const total = costOf(cdr.lines, cdr.total);
  const periods = periodsOf(cdr);
  const parking = hours(periods.reduce((ms, p) => ms + (p.dimension === "PARKING_TIME" ? p.durationMs : 0), 0));
  const { registry } = context;
  const tariff = cdr.tariffId === null ? undefined : registry.find(party, "tariff", cdr.tariffId, cdr.registry);
  const changedAt = tariff ? logTimeOf(call, cdr.tariffId!, tariff.version) : 0;
  const shown = tariff && tariffIn[version]({ doc: tariff.doc, party, changedAt });
  return {
    country_code: party.slice(0, 2),
    party_id: party.slice(2),
    id: row.id,
    // 2.2.1, CDR: of the reservation, where there was one.
    start_date_time: utc(Math.min(cdr.startedAt, periods[0]!.startedAt)),
    end_date_time: utc(cdr.endedAt),
    session_id: row.session_id,
    cdr_token: cdrTokenOf(token, party, version),
    ...(await authorisationOf(context, party, { id: row.session_id, station: row.station, idToken: cdr.idToken })),
    cdr_location: location,
    currency: cdr.currency ?? currencyOf(context, party, undefined),
    ...(shown ? { tariffs: [shown] } : {}),
    charging_periods: periods.map((period) => showPeriod(period, cdr.tariffId)),
    ...signedDataOf(cdr),
    // Of a credit CDR negative, and nothing else is (2.2.1, 10.2.1.2): all other fields are those of what it credits.
    total_cost: money(total.all),
    ...costs(total),
    total_energy: kwh(cdr.energyMwh),
    total_time: hours(cdr.durationMs),
    ...(parking > 0 ? { total_parking_time: parking } : {}),
    ...(cdr.why === undefined ? {} : { remark: cdr.why.slice(0, longestRemark) }),
    ...(cdr.credits === null ? {} : { credit: true, credit_reference_id: cdr.credits }),
    last_updated: utc(row.last_updated),
  };
}

/** Deltas, as used; what step_size adds is in the costs alone. CDRs of before 0016 are one period. */
function periodsOf({ periods, startedAt, durationMs, energyMwh }: Cdr): readonly CdrPeriod[] {
  if (periods && periods.length > 0) return periods;
  return [{ startedAt, dimension: "TIME", durationMs: Math.max(0, durationMs), energyMwh }];
}

function logTimeOf({ context: { registry }, party }: OcpiView, id: string, version: number): number {
  return registry.versions(party, "tariff", id).find((one) => one.version === version)?.logTime ?? 0;
}

interface Cost {
  readonly excl: number;
  readonly incl: number;
}

type Costs = { readonly all: Cost } & Partial<Record<CdrLine["dimension"] | "RESERVATION", Cost>>;

function costOf(lines: readonly CdrLine[], total: Cdr["total"]): Costs {
  const of = (some: readonly CdrLine[]): Cost => ({
    excl: sum(some.map((line) => line.total.exclVat)),
    incl: sum(some.map((line) => line.total.inclVat)),
  });
  // All that a reservation costs is one sum, fees included.
  const groups = Map.groupBy(lines, ({ dimension, reservation }) => (reservation ? "RESERVATION" : dimension));
  const all = { excl: numberOf(total?.exclVat) ?? 0, incl: numberOf(total?.inclVat) ?? 0 };
  return { all, ...Object.fromEntries([...groups].map(([dimension, some]) => [dimension, of(some)])) };
}

const shownDecimals = 6;
/** OCPI's CiString(255). */
const longestRemark = 255;

function sum(decimals: readonly string[]): number {
  return Number(decimals.reduce((all, text) => all + (numberOf(text) ?? 0), 0).toFixed(shownDecimals));
}

function money({ excl, incl }: Cost): Members {
  return { excl_vat: excl, incl_vat: incl };
}

function costs(of: Costs): Members {
  const named = [
    ["total_fixed_cost", of.FLAT],
    ["total_energy_cost", of.ENERGY],
    ["total_time_cost", of.TIME],
    ["total_parking_cost", of.PARKING_TIME],
    ["total_reservation_cost", of.RESERVATION],
  ] as const;
  return Object.fromEntries(named.flatMap(([name, cost]) => (cost ? [[name, money(cost)]] : [])));
}
