// An OCPI Location from the registry's document and its history: what it says, since when, and what was taken away. It has the
// fields of every version; `versions/locations.ts` has what each is told.
import type { PartyId } from "../../core/ids/ids.ts";
import type { Version } from "../../core/registry/fold.ts";
import type { LocationDoc } from "../../core/registry/entities.ts";
import { besideSiblings, connectorStatus, evseStatus, type StatusSince } from "./evse-status.ts";
import type { LiveStatus } from "./live-status.ts";
import { connectorKey, type ConnectorDoc, type EvseDoc, type Place } from "./places.ts";
import { pick, utc, words, type Members } from "./values.ts";

const locationFields = words(`publish_allowed_to name address city postal_code state country coordinates
  related_locations parking_type directions operator suboperator owner facilities time_zone opening_times
  charging_when_closed images energy_mix parking_places help_phone`);
const evseFields = words(`evse_id status_schedule capabilities floor_level coordinates physical_reference directions
  parking_restrictions images parking accepted_service_providers`);
const connectorFields = words(`id standard format power_type max_voltage max_amperage max_electric_power tariff_ids
  terms_and_conditions capabilities`);
const neededOfLocation = ["address", "city", "country", "coordinates", "time_zone"] as const;
const neededOfConnector = ["standard", "format", "power_type", "max_voltage", "max_amperage"] as const;

/** An EVSE and since when the registry has it as it is; a removed one has the time at which it went. */
interface KnownEvse {
  readonly doc: EvseDoc;
  readonly changedAt: number;
  readonly isRemoved: boolean;
}

export interface KnownLocation {
  readonly doc: LocationDoc;
  readonly changedAt: number;
  readonly evses: readonly KnownEvse[];
}

/** @returns the fields that OCPI requires and the document lacks; such a location cannot be told to anybody. */
export function missingFields(doc: LocationDoc): readonly string[] {
  return neededOfLocation.filter((name) => doc[name] === undefined || doc[name] === null);
}

const known = new WeakMap<object, KnownLocation>();

/** @param versions the oldest first. undefined: it never was, or OCPI cannot say it. */
export function knownLocation(versions: readonly Version[]): KnownLocation | undefined {
  const last = versions.at(-1);
  const lastDoc = versions.findLast(({ doc }) => doc !== null)?.doc as LocationDoc | undefined;
  if (!last || !lastDoc || missingFields(lastDoc).length > 0) return undefined;
  const found = known.get(last);
  if (found) return found;
  const made = { doc: lastDoc, changedAt: last.logTime, evses: evsesOf(versions) };
  known.set(last, made);
  return made;
}

/** In the order in which they first appeared: a location that was removed has removed EVSEs (OCPI deletes no location). */
function evsesOf(versions: readonly Version[]): readonly KnownEvse[] {
  const evses = new Map<string, KnownEvse & { readonly json: string }>();
  for (const { doc, logTime } of versions) {
    const now = new Map(((doc as LocationDoc | null)?.evses ?? []).map((evse) => [evse.uid, evse]));
    for (const [uid, before] of evses) {
      if (!before.isRemoved && !now.has(uid)) evses.set(uid, { ...before, changedAt: logTime, isRemoved: true });
    }
    for (const [uid, evse] of now) {
      const json = JSON.stringify(evse);
      const before = evses.get(uid);
      if (before && before.json === json && !before.isRemoved) continue;
      evses.set(uid, { doc: evse, changedAt: logTime, isRemoved: false, json });
    }
  }
  return [...evses.values()];
}

export interface Showing {
  readonly party: PartyId;
  readonly live: LiveStatus;
  readonly occupied: "BLOCKED" | "CHARGING";
  readonly now: number;
}

export interface Shown {
  readonly object: Members;
  /** Epoch ms. */
  readonly lastUpdated: number;
}

/** Children bump their parents' `last_updated`. */
export function showLocation(location: KnownLocation, showing: Showing): Shown {
  const { doc, changedAt } = location;
  const statuses = new Map(location.evses.map((evse) => [evse.doc.uid, ownStatus(evse, showing)]));
  const evses = location.evses.flatMap((evse) => showEvse(evse, statuses) ?? []);
  const lastUpdated = Math.max(changedAt, ...evses.map((evse) => evse.lastUpdated));
  const object = {
    ...headOf(doc, showing.party),
    ...(evses.length === 0 ? {} : { evses: evses.map((evse) => evse.object) }),
    last_updated: utc(lastUpdated),
  };
  return { object, lastUpdated };
}

/**
 * With the one EVSE and connector of a session, which charges there.
 * @param at epoch ms: as of when it is told
 */
export function locationOfPlace(party: PartyId, { location, evse, connector }: Place, at: number): Members {
  const last_updated = utc(at);
  const connectors = [{ ...pick(connector, connectorFields), last_updated }];
  const told = { uid: evse.uid, ...pick(evse, evseFields), status: "CHARGING", connectors, last_updated };
  return { ...headOf(location, party), evses: [told], last_updated };
}

function headOf(doc: LocationDoc, party: PartyId): Members {
  return {
    // Whatever the document says: they must be those of the address that it is pushed to.
    country_code: party.slice(0, 2),
    party_id: party.slice(2),
    id: doc.id,
    // Nobody said that drivers may see it.
    publish: doc["publish"] === true,
    ...pick(doc, locationFields),
  };
}

function ownStatus(evse: KnownEvse, { live, occupied, now }: Showing): StatusSince {
  if (evse.isRemoved) return { status: "REMOVED", since: evse.changedAt };
  const connectors = (evse.doc.connectors ?? []).flatMap((connector) => {
    const key = connectorKey(connector);
    return key ? [connectorStatus(live.factsOf(key), occupied, now, evse.changedAt)] : [];
  });
  return evseStatus(connectors, evse.changedAt);
}

/** What of an EVSE does not hang on its status. */
interface FixedEvse {
  readonly fields: Members;
  readonly more: Members;
}

/** A page has a thousand of them. null: none of its connectors can be said in OCPI, which wants one at least. */
const fixedEvses = new WeakMap<KnownEvse, FixedEvse | null>();

function fixedOf(evse: KnownEvse): FixedEvse | null {
  const found = fixedEvses.get(evse);
  if (found !== undefined) return found;
  const { doc, changedAt } = evse;
  const connectors = (doc.connectors ?? []).flatMap((connector) => showConnector(connector, changedAt) ?? []);
  const { capabilities, ...fields } = pick(doc, evseFields);
  const abilities = withConnectorRequired(doc, Array.isArray(capabilities) ? (capabilities as string[]) : []);
  const more = { ...(abilities.length === 0 ? {} : { capabilities: abilities }), connectors };
  const made = connectors.length === 0 ? null : { fields, more };
  fixedEvses.set(evse, made);
  return made;
}

function showEvse(evse: KnownEvse, statuses: ReadonlyMap<string, StatusSince>): Shown | undefined {
  const fixed = fixedOf(evse);
  if (!fixed) return undefined;
  const { doc, changedAt } = evse;
  const siblings = siblingsOf(doc).flatMap((uid) => statuses.get(uid) ?? []);
  const { status, since } = besideSiblings(statuses.get(doc.uid)!, siblings);
  const lastUpdated = Math.max(changedAt, since);
  const object = { uid: doc.uid, ...fixed.fields, status, ...fixed.more, last_updated: utc(lastUpdated) };
  return { object, lastUpdated };
}

/** Ours: EVSEs of the same bay, by uid. */
export function siblingsOf(evse: EvseDoc): readonly string[] {
  const siblings = evse["siblings"];
  return Array.isArray(siblings) ? siblings.filter((uid): uid is string => typeof uid === "string") : [];
}

/** One EVSE over several connectors of a 1.6 station cannot be started without saying which. */
function withConnectorRequired(evse: EvseDoc, capabilities: readonly string[]): readonly string[] {
  const own = new Set((evse.connectors ?? []).map(({ stationId, evseId }) => `${stationId}/${evseId}`));
  const ability = "START_SESSION_CONNECTOR_REQUIRED";
  return own.size > 1 && !capabilities.includes(ability) ? [...capabilities, ability] : capabilities;
}

function showConnector(connector: ConnectorDoc, changedAt: number): Members | undefined {
  if (neededOfConnector.some((name) => connector[name] === undefined || connector[name] === null)) return undefined;
  return { ...pick(connector, connectorFields), last_updated: utc(changedAt) };
}
