// Stations as people see them: what the registry says of them merged with what the projection knows.
import { trusted, type PartyId, type StationId } from "../../core/ids/ids.ts";
import type { StationDoc } from "../../core/registry/entities.ts";
import type { RegistryView } from "../../core/registry/view.ts";
import type { ConnectorRow, StationRow } from "../../core/store/tables.ts";
import type { ApiOptions } from "./context.ts";
import { showConnector, time } from "./format.ts";
import { byCode, firstAbove, sortedIds } from "./sorted-ids.ts";

export interface StationFilter {
  /** Part of id, vendor, model or location, in any letter case. */
  readonly search?: string;
  readonly online?: boolean;
  readonly acceptance?: StationDoc["acceptance"];
}

/** A search looks at so many stations for one page, then hands out a cursor. */
const scannedPerPage = 20_000;
const scanStep = 500;

export type StationView = ReturnType<typeof showStation>;

type Needs = Pick<ApiOptions, "store" | "registry">;

interface Known {
  readonly id: string;
  readonly doc: StationDoc | undefined;
  readonly version: number | undefined;
  readonly row: StationRow | undefined;
}

/** By id, ascending; undefined marks ids that do not exist (any more). */
export async function loadStations(
  needs: Needs,
  party: PartyId,
  ids: readonly string[],
): Promise<Map<string, StationView>> {
  const found = new Map<string, StationView>();
  if (ids.length === 0) return found;
  const rows = await needs.store.reader
    .selectFrom("live_station")
    .selectAll()
    .where("party", "=", party)
    .where("station", "in", ids)
    .execute();
  const byId = new Map(rows.map((row) => [row.station, row]));
  const known = ids.flatMap((id) => knownStation(needs.registry, party, id, byId.get(id)) ?? []);
  for (const view of await withConnectors(needs, party, known)) found.set(view.id, view);
  return found;
}

export async function loadStation(needs: Needs, party: PartyId, id: StationId): Promise<StationView | undefined> {
  return (await loadStations(needs, party, [id])).get(id);
}

/** One page by id, from after `after`. `more`: there may be more from the last scanned id on. */
export async function listStations(
  needs: Needs,
  party: PartyId,
  filter: StationFilter,
  after: string,
  limit: number,
): Promise<{ readonly items: readonly StationView[]; readonly next: string | undefined }> {
  const matched: Known[] = [];
  const registered = sortedIds(needs.registry, party, "station");
  let from = after;
  for (let scanned = 0; scanned < scannedPerPage; scanned += scanStep) {
    const ids = await idsAfter(needs, party, registered, from);
    for (const known of ids) {
      if (!matches(known, filter, needs.registry, party)) continue;
      // One more than asked for is found: the page ends with the last one it holds.
      if (matched.length === limit)
        return { items: await withConnectors(needs, party, matched), next: matched.at(-1)!.id };
      matched.push(known);
    }
    if (ids.length === 0) return { items: await withConnectors(needs, party, matched), next: undefined };
    from = ids.at(-1)!.id;
  }
  return { items: await withConnectors(needs, party, matched), next: from };
}

/** At most `scanStep` of the union of registry and projection, ascending. */
async function idsAfter(needs: Needs, party: PartyId, registered: readonly string[], after: string): Promise<Known[]> {
  const { store, registry } = needs;
  const rows = await store.reader
    .selectFrom("live_station")
    .selectAll()
    .where("party", "=", party)
    .where("station", ">", after)
    .orderBy("station")
    .limit(scanStep)
    .execute();
  const byId = new Map(rows.map((row) => [row.station, row]));
  const start = firstAbove(registered, after);
  let union = [...new Set([...registered.slice(start, start + scanStep), ...byId.keys()])].sort(byCode);
  // Where the rows were cut, ids beyond the last row may have rows that were not read.
  if (rows.length === scanStep) union = union.filter((id) => id <= rows.at(-1)!.station);
  union = union.slice(0, scanStep);
  const known = union.flatMap((id) => knownStation(registry, party, id, byId.get(id)) ?? []);
  // An id that was removed still moves the scan on.
  const last = union.at(-1);
  if (last !== undefined && known.at(-1)?.id !== last)
    known.push({ id: last, doc: undefined, version: undefined, row: undefined });
  return known;
}

/** Removed from the registry: gone, unless it is connected all the same. */
export function knownStation(
  registry: RegistryView,
  party: PartyId,
  id: string,
  row: StationRow | undefined,
): Known | undefined {
  const entry = registry.find(party, "station", id);
  if (entry) return { id, doc: entry.doc, version: entry.version, row };
  if (!row) return undefined;
  if (row.online === 0 && registry.existed(party, "station", id)) return undefined;
  return { id, doc: undefined, version: undefined, row };
}

function matches(known: Known, filter: StationFilter, registry: RegistryView, party: PartyId): boolean {
  const { doc, row } = known;
  if (!doc && !row) return false;
  if (filter.online !== undefined && filter.online !== (row?.online === 1)) return false;
  if (filter.acceptance !== undefined && filter.acceptance !== acceptanceOf(registry, party, doc)) return false;
  if (filter.search === undefined || filter.search === "") return true;
  const wanted = filter.search.toLowerCase();
  const texts = [known.id, row?.vendor, row?.model, row?.serial, doc?.locationId];
  return texts.some((text) => text?.toLowerCase().includes(wanted));
}

async function withConnectors(needs: Needs, party: PartyId, stations: readonly Known[]): Promise<StationView[]> {
  const byStation = new Map<string, ConnectorRow[]>();
  for (let at = 0; at < stations.length; at += scanStep) {
    const ids = stations.slice(at, at + scanStep).map(({ id }) => id);
    const rows = await needs.store.reader
      .selectFrom("live_connector")
      .selectAll()
      .where("party", "=", party)
      .where("station", "in", ids)
      .orderBy("evse_id")
      .orderBy("connector_id")
      .execute();
    for (const row of rows) byStation.set(row.station, [...(byStation.get(row.station) ?? []), row]);
  }
  return stations.map((known) => showStation(needs.registry, party, known, byStation.get(known.id) ?? []));
}

function showStation(registry: RegistryView, party: PartyId, known: Known, connectors: readonly ConnectorRow[]) {
  const { id, doc, row, version } = known;
  return {
    id,
    protocol: row?.protocol ?? null,
    vendor: row?.vendor ?? null,
    model: row?.model ?? null,
    serial: row?.serial ?? null,
    firmware: row?.firmware ?? null,
    online: row?.online === 1,
    lastSeen: row && row.last_seen > 0 ? time(row.last_seen) : null,
    bootedAt: time(row?.booted_at ?? null),
    connectors: connectors.map(showConnector),
    securityProfile: doc?.securityProfile ?? row?.security_profile ?? null,
    acceptance: acceptanceOf(registry, party, doc),
    validation: doc?.validation ?? null,
    locationId: doc?.locationId ?? null,
    serialNumber: doc?.serialNumber ?? null,
    carrier: doc?.carrier ?? null,
    siteGroup: doc?.siteGroup ?? null,
    hasPassword: doc?.password !== undefined,
    registered: doc !== undefined,
    firstSeenAt: time(doc?.firstSeenAt ?? null),
    version: version ?? null,
  };
}

const whenUnknown: Readonly<Record<string, StationDoc["acceptance"]>> = { accept: "accepted", pending: "pending" };

function acceptanceOf(registry: RegistryView, party: PartyId, doc: StationDoc | undefined): StationDoc["acceptance"] {
  return doc?.acceptance ?? whenUnknown[String(registry.setting(party, "unknownStations"))] ?? "rejected";
}

export function countStations(registry: RegistryView, party: PartyId): { registered: number; pending: number } {
  let [registered, pending] = [0, 0];
  for (const id of registry.ids(party, "station")) {
    const doc = registry.find(party, "station", id)?.doc;
    if (!doc) continue;
    registered++;
    if (doc.acceptance === "pending") pending++;
  }
  return { registered, pending };
}

/** Connection that a command for an offline station names (rule C2), and the version it last spoke. */
export async function lastConnection(needs: Needs, party: PartyId, id: StationId) {
  const row = await needs.store.reader
    .selectFrom("live_station")
    .select(["connection_id", "protocol"])
    .where("party", "=", party)
    .where("station", "=", id)
    .executeTakeFirst();
  return {
    connectionId: row?.connection_id ? trusted.connection(row.connection_id) : null,
    protocol: row?.protocol ?? null,
  };
}
