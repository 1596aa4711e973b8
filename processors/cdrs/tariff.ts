// What a session costs: by the tariff that applied at its start, looked up as of the registry position of its first record
// (rule F1), so that a change of price during a session or before a late CDR changes nothing.
import type { PartyId, Position, StationId } from "../../core/ids/ids.ts";
import { limits } from "../../core/config/limits.ts";
import { chooseTariff, isValidAt, type Candidacy, type TariffAsk } from "../../core/price/choose.ts";
import { zoneOf } from "../../core/price/local-time.ts";
import { priceOf, shownLines, type Priced } from "../../core/price/price.ts";
import type { Reservation, Session } from "../../core/price/session.ts";
import { noCurrency, readyTariff, type ReadyTariff } from "../../core/price/tariff.ts";
import type { Cdr, CdrPeriod } from "../../core/records/domain-event.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import { connectorPowerW } from "../../core/registry/connector-power.ts";
import { tokenKey, type LocationDoc, type TariffDoc } from "../../core/registry/entities.ts";
import type { RegistryLookup } from "../../core/registry/view.ts";
import type { FoldContext } from "../engine/station-fold.ts";
import type { SessionAnnotation } from "../transactions/annotations.ts";
import type { Reserved, Transaction } from "../transactions/transaction.ts";
import { cdrPeriods } from "./periods.ts";
import { samplesOf } from "./samples.ts";

type ConnectorDoc = NonNullable<NonNullable<LocationDoc["evses"]>[number]["connectors"]>[number];

export interface Place {
  readonly evseId: number;
  readonly connectorId: number;
  readonly registry: Position;
}

/** What of a session its price hangs on. */
export type PricedCourse = Pick<
  Transaction,
  "sessionId" | "startedAt" | "idToken" | "evseId" | "connectorId" | "registry" | "registers" | "paused" | "reserved"
> & { readonly endedAt: number };

/** What of a fold's context a price hangs on. */
export type PriceContext = Pick<FoldContext, "registry" | "readingsOf" | "trace">;

export interface PricedCdr {
  readonly price: Pick<Cdr, "tariffId" | "currency" | "total" | "lines"> & { readonly periods: readonly CdrPeriod[] };
  readonly words: readonly SessionAnnotation[];
  /** Of the connector; null: its location does not say. */
  readonly powerW: number | null;
}

/** By this tariff nothing is sold: only the periods are of use. */
const noTariff: TariffDoc = {
  id: "none",
  currency: noCurrency,
  elements: [{ price_components: [{ type: "FLAT", price: 0, step_size: 1 }] }],
};

/** @throws ReadingsNeeded. */
export function priceSession(
  record: Pick<FrameRecord, "party" | "station">,
  t: PricedCourse,
  context: PriceContext,
): PricedCdr {
  const found = tariffOf(record.party, record.station, t, context);
  const { tariff, location, powerW } = found;
  const readied = tariff && readyTariff(tariff);
  const ready = readied?.result === "ready" ? readied.tariff : undefined;
  const by = ready ?? nothingSold();
  const timeZone = location?.time_zone;
  const isZone = timeZone !== undefined && zoneOf(timeZone) !== undefined;
  // A session that only charged, by a tariff that asks for nothing else, needs its two registers alone.
  const samples = samplesOf(t, by.asks.anything || t.paused ? context.readingsOf(t.sessionId) : []);
  const session: Session = {
    timeZone: isZone ? timeZone : "UTC",
    start: t.startedAt,
    end: Math.max(t.startedAt, t.endedAt),
    samples,
    ...(t.reserved ? { reservation: reservationOf(t.reserved, t) } : {}),
  };
  const priced = priceOf(by, session);
  if (context.trace) {
    // Told of every reading, also where two registers are enough.
    samplesOf(t, context.readingsOf(t.sessionId), context.trace);
    const invalid = readied?.result === "invalid" ? readied.why : undefined;
    const { sessionId, registers } = t;
    const { timeZone: zone } = session;
    context.trace.priced({ sessionId, location, timeZone: zone, tariff, invalid, registers, samples, priced });
  }
  const periods = cdrPeriods(priced.periods, limits.cdrPeriods);
  if (!ready) {
    const nothing = { tariffId: tariff?.id ?? null, currency: tariff?.currency ?? null, total: null, lines: [] };
    return { price: { ...nothing, periods }, words: [tariff ? "tariffInvalid" : "noTariff"], powerW };
  }
  return {
    price: { tariffId: ready.id, currency: ready.currency, total: priced.total, lines: shownLines(priced), periods },
    words: wordsOf(priced, isZone),
    powerW,
  };
}

/** Until charging starts, or it expires. */
function reservationOf({ since, expired }: Reserved, { startedAt, endedAt }: PricedCourse): Reservation {
  return { start: Math.min(since, startedAt), end: expired ? endedAt : startedAt, expired };
}

/** Whether the tariff has elements for a reservation that expired unused. */
export function asksForNoShow(
  record: Pick<FrameRecord, "party" | "station">,
  t: PricedCourse,
  context: PriceContext,
): boolean {
  const { tariff } = tariffOf(record.party, record.station, t, context);
  return tariff?.elements.some(({ restrictions }) => restrictions?.["reservation"] === "RESERVATION_EXPIRES") ?? false;
}

function nothingSold(): ReadyTariff {
  const readied = readyTariff(noTariff);
  if (readied.result === "invalid") throw new Error(readied.why);
  return readied.tariff;
}

function wordsOf({ tariff, periods }: Priced, isZone: boolean): readonly SessionAnnotation[] {
  const words: SessionAnnotation[] = [];
  const isUnknown = periods.some(({ state, moment }) => state === "charging" && moment.currentMa === null);
  if (tariff.asks.current && isUnknown) words.push("currentUnknown");
  if (tariff.asks.clock && !isZone) words.push("timeZoneUnknown");
  return words;
}

interface Found {
  readonly tariff: TariffDoc | undefined;
  readonly location: LocationDoc | undefined;
  readonly powerW: number | null;
}

/** Of those that the connector names, or of the party's default. */
function tariffOf(party: PartyId, station: StationId, t: PricedCourse, { registry, trace }: PriceContext): Found {
  const tell = trace && ((tariff: TariffDoc, candidacy: Candidacy) => trace.candidate(tariff, candidacy));
  const { location, ids, connector } = connectorTariffs(party, station, t, registry);
  const ask = askOf(party, t, registry);
  const versions = (wanted: readonly string[]): TariffDoc[] =>
    wanted.flatMap((id) => {
      const version = versionOf(party, id, t, registry);
      const newest = version ?? (tell && registry.find(party, "tariff", id, t.registry)?.doc);
      if (!version && newest) tell?.(newest, "notValidThen");
      return version ?? [];
    });
  const fallback = registry.setting(party, "defaultTariffId", t.registry);
  const tariff =
    chooseTariff(versions(ids), ask, tell) ??
    (typeof fallback === "string" && fallback !== "" ? chooseTariff(versions([fallback]), ask, tell) : undefined);
  return { tariff, location, powerW: connectorPowerW(connector) };
}

/** What the registry says of who charges. */
function askOf(party: PartyId, t: PricedCourse, registry: RegistryLookup): TariffAsk {
  const token = t.idToken === null ? undefined : registry.find(party, "token", tokenKey(t.idToken), t.registry)?.doc;
  if (!token) return { at: t.startedAt, ...(t.idToken === null ? {} : { token: t.idToken }) };
  const { uid, type, groupId, roaming } = token;
  const partner = roaming && ownerOf(roaming.token);
  return {
    at: t.startedAt,
    token: uid,
    tokenType: type,
    ...(groupId === undefined ? {} : { group: groupId }),
    ...(partner === undefined ? {} : { partner }),
  };
}

/** The party whose token it is (OCPI 2.2.1, Token): a platform may act for several. */
function ownerOf({ country_code: country, party_id: party }: Readonly<Record<string, unknown>>): string | undefined {
  return typeof country === "string" && typeof party === "string" ? `${country}${party}`.toUpperCase() : undefined;
}

/** As of the session's first record, the newest version that is valid at its start: one may be announced in time. */
function versionOf(party: PartyId, id: string, t: PricedCourse, registry: RegistryLookup): TariffDoc | undefined {
  let found = registry.find(party, "tariff", id, t.registry);
  while (found && !isValidAt(found.doc, t.startedAt)) {
    found = registry.find(party, "tariff", id, { ...t.registry, offset: found.version - 1 });
  }
  return found?.doc;
}

/** The connector that a location maps to this station's. */
function connectorTariffs(party: PartyId, station: StationId, place: Place, registry: RegistryLookup) {
  const named = registry.find(party, "station", station, place.registry)?.doc.locationId;
  const ids = named === undefined ? registry.ids(party, "location") : [named];
  let here: LocationDoc | undefined;
  let found: ConnectorDoc | undefined;
  for (const id of ids) {
    const location = registry.find(party, "location", id, place.registry)?.doc;
    // Its clock counts, also where none of its connectors says whose it is.
    if (id === named) here = location;
    for (const evse of location?.evses ?? []) {
      for (const connector of evse.connectors ?? []) {
        if (connector.stationId !== station || connector.evseId !== place.evseId) continue;
        // 2.x may leave the connector open until the cable is in: then the EVSE's first one speaks for it.
        if (place.connectorId !== 0 && (connector.connectorId ?? 1) !== place.connectorId) continue;
        here ??= location;
        found ??= connector;
        if (connector.tariff_ids?.[0] !== undefined) return { location, ids: connector.tariff_ids, connector };
      }
    }
  }
  return { location: here, ids: [], connector: found };
}
