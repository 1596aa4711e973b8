// Sender interface of locations (Locations).
import type { PartyId } from "../../core/ids/ids.ts";
import type { ApiOptions } from "../rest/context.ts";
import type { OcpiCall, OcpiHandler, OcpiView } from "./call.ts";
import { notFound, statusCodes } from "./envelope.ts";
import { LiveStatus } from "./live-status.ts";
import { knownLocation, missingFields, showLocation, type KnownLocation, type Shown } from "./location-object.ts";
import { isWithin, pageAnswer, pageQuery, type PageQuery } from "./paging.ts";
import { isMembers, same, type Members } from "./values.ts";
import { isToldIn, locationIn } from "./versions/locations.ts";
import type { OcpiVersion } from "./versions/version.ts";

export const listLocations: OcpiHandler = async (call) => {
  const page = pageQuery(call);
  const isDated = page.from !== undefined || page.to !== undefined;
  const { total, items } = await (isDated ? pageByDate(call, page) : pageOfAll(call, page));
  return pageAnswer(
    call,
    page,
    total,
    items.map(({ object }) => object),
  );
};

interface ShownPage {
  readonly total: number;
  readonly items: readonly Shown[];
}

async function pageOfAll(call: OcpiCall, { offset, limit }: PageQuery): Promise<ShownPage> {
  const all = toldLocations(call.context, call.party).filter(({ doc }) => isToldIn(call.version, doc));
  return { total: all.length, items: await show(call, all.slice(offset, offset + limit)) };
}

async function pageByDate(call: OcpiCall, page: PageQuery): Promise<ShownPage> {
  const { context, party, services } = call;
  const { times, passed } = await services.locationTimes.of(party);
  const isListed = (at: number | undefined) => at !== undefined && at < passed && isWithin(page, at);
  const isTold = (id: string) => {
    const known = knownLocation(context.registry.versions(party, "location", id));
    return known !== undefined && isToldIn(call.version, known.doc);
  };
  const ids = [...context.registry.ids(party, "location")].filter((id) => isListed(times.get(id)) && isTold(id));
  const shown = await showLocations(call, ids.slice(page.offset, page.offset + page.limit));
  // What has changed since is in a later list: told now, it would hide others that changed before it.
  return { total: ids.length, items: [...shown.values()].filter(({ lastUpdated }) => isListed(lastUpdated)) };
}

export const getLocation: OcpiHandler = async (call) => ({ data: await theLocation(call) });

export const getEvse: OcpiHandler = async (call) => ({ data: await evseIn(call) });

export const getConnector: OcpiHandler = async (call) => {
  const evse = await evseIn(call);
  const wanted = call.params["connector"] ?? "";
  const found = membersOf(evse["connectors"]).find(({ id }) => typeof id === "string" && same(id, wanted));
  if (!found) throw notFound("There is no such connector.", statusCodes.unknownLocation);
  return { data: found };
};

async function theLocation(call: OcpiCall): Promise<Members> {
  const { registry } = call.context;
  const id = locationId(call.context, call.party, call.params["location"] ?? "");
  const known = id === undefined ? undefined : knownLocation(registry.versions(call.party, "location", id));
  if (!known || !isToldIn(call.version, known.doc)) {
    throw notFound("There is no such location.", statusCodes.unknownLocation);
  }
  const [shown] = await show(call, [known]);
  return shown!.object;
}

async function evseIn(call: OcpiCall): Promise<Members> {
  const location = await theLocation(call);
  const wanted = call.params["evse"] ?? "";
  const found = membersOf(location["evses"]).find(({ uid }) => typeof uid === "string" && same(uid, wanted));
  if (!found) throw notFound("There is no such EVSE.", statusCodes.unknownLocation);
  return found;
}

function membersOf(list: unknown): Members[] {
  return Array.isArray(list) ? list.filter(isMembers) : [];
}

/** Ids are CiStrings: letter case aside. */
export function locationId({ registry }: ApiOptions, party: PartyId, wanted: string): string | undefined {
  if (registry.existed(party, "location", wanted)) return wanted;
  for (const id of registry.ids(party, "location")) if (same(id, wanted)) return id;
  return undefined;
}

interface ToldList {
  /** Of the registry. */
  readonly offset: number;
  readonly list: readonly KnownLocation[];
}

const lists = new WeakMap<ApiOptions["registry"], Map<PartyId, ToldList>>();

/** Pages of the same list follow each other: ten thousand locations are looked through once for all of them. */
function toldLocations(context: ApiOptions, party: PartyId): readonly KnownLocation[] {
  const { offset } = context.registry.position;
  const parties = lists.get(context.registry) ?? new Map<PartyId, ToldList>();
  lists.set(context.registry, parties);
  const found = parties.get(party);
  if (found?.offset === offset) return found.list;
  const list = [...knownLocations(context, party)];
  parties.set(party, { offset, list });
  return list;
}

const told = new WeakSet<object>();

/** By creation. One that OCPI cannot say is told to the operator, once a version. */
function* knownLocations({ registry, logger }: ApiOptions, party: PartyId): Iterable<KnownLocation> {
  for (const id of registry.ids(party, "location")) {
    const versions = registry.versions(party, "location", id);
    const known = knownLocation(versions);
    if (known) {
      yield known;
      continue;
    }
    const doc = registry.find(party, "location", id)?.doc;
    if (!doc || told.has(doc)) continue;
    told.add(doc);
    logger.warn({ location: id, missing: missingFields(doc) }, "partners are not told of a location: OCPI needs more");
  }
}

interface LocationView {
  readonly context: Pick<OcpiView["context"], "store" | "registry" | "clock">;
  readonly party: PartyId;
  /** Absent: with what any version has. */
  readonly version?: OcpiVersion;
}

/** Of ids that exist; those that OCPI cannot say, or its version must not, are left out. */
export async function showLocations(view: LocationView, ids: Iterable<string>): Promise<ReadonlyMap<string, Shown>> {
  const known = [...ids].flatMap((id) => {
    const location = knownLocation(view.context.registry.versions(view.party, "location", id));
    const isTold = location && (view.version === undefined || isToldIn(view.version, location.doc));
    return isTold ? [{ id, location }] : [];
  });
  const shown = await show(
    view,
    known.map(({ location }) => location),
  );
  return new Map(known.map(({ id }, at) => [id, shown[at]!]));
}

async function show(
  { context, party, version }: LocationView,
  locations: readonly KnownLocation[],
): Promise<readonly Shown[]> {
  const stations = locations.flatMap(({ evses }) =>
    evses.flatMap(({ doc }) => (doc.connectors ?? []).flatMap(({ stationId }) => stationId ?? [])),
  );
  const live = await LiveStatus.of(context, party, stations);
  const occupied = context.registry.setting(party, "occupiedStatus") === "CHARGING" ? "CHARGING" : "BLOCKED";
  const showing = { party, live, occupied, now: context.clock.now() } as const;
  const shown = locations.map((location) => showLocation(location, showing));
  if (version === undefined) return shown;
  return shown.map(({ object, lastUpdated }) => ({ object: locationIn[version](object), lastUpdated }));
}
