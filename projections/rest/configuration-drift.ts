// Which stations differ from the template that applies to them: a bounded part of the fleet a page, a query for each
// hundred stations of a template.
import type { PartyId } from "../../core/ids/ids.ts";
import type { ConfigurationTemplateDoc } from "../../core/registry/entities.ts";
import type { StationRow } from "../../core/store/tables.ts";
import { differenceOf, keysOf, loadVariables, type Difference } from "./configuration.ts";
import { Applicable } from "./applies-to.ts";
import { isOfProtocol, keyOfEntry } from "./configuration-templates.ts";
import type { ApiOptions } from "./context.ts";
import { knownStation } from "./stations.ts";

type Counts = Record<Difference, number>;

export interface Drift {
  readonly stationId: string;
  readonly templateId: string;
  readonly same: number;
  readonly differs: number;
  readonly missing: number;
  readonly readOnly: number;
  readonly rebootPending: number;
}

/** With a template's 500 entries at most 50 000 rows at a time. */
const step = 100;
/** So many stations are looked at for one page; then there is a cursor, also where none of them differs. */
const scannedPerPage = 5_000;

/** @param only stations to which the template of this id applies. */
export async function driftAfter(
  context: ApiOptions,
  party: PartyId,
  only: string | undefined,
  after: string,
  limit: number,
): Promise<{ readonly items: readonly Drift[]; readonly next: string | undefined }> {
  const templates = new Applicable(context.registry, party, "configurationTemplate");
  const items: Drift[] = [];
  let from = after;
  for (let scanned = 0; scanned < scannedPerPage; scanned += step) {
    const rows = await stationsAfter(context, party, from);
    for (const found of await driftOf(context, party, templates, only, rows)) {
      items.push(found);
      if (items.length === limit) return { items, next: found.stationId };
    }
    if (rows.length < step) return { items, next: undefined };
    from = rows.at(-1)!.station;
  }
  return { items, next: from };
}

function stationsAfter({ store }: ApiOptions, party: PartyId, after: string): Promise<StationRow[]> {
  return store.reader
    .selectFrom("live_station")
    .selectAll()
    .where("party", "=", party)
    .where("station", ">", after)
    .orderBy("station")
    .limit(step)
    .execute();
}

async function driftOf(
  context: ApiOptions,
  party: PartyId,
  templates: Applicable<"configurationTemplate">,
  only: string | undefined,
  rows: readonly StationRow[],
): Promise<Drift[]> {
  const groups = new Map<ConfigurationTemplateDoc, StationRow[]>();
  for (const row of rows) {
    if (!knownStation(context.registry, party, row.station, row)) continue;
    const template = templates.of(row);
    if (!template || (only !== undefined && template.id !== only)) continue;
    const group = groups.get(template);
    if (group) group.push(row);
    else groups.set(template, [row]);
  }
  const found: Drift[] = [];
  for (const [template, stations] of groups) found.push(...(await driftFrom(context, party, template, stations)));
  return found.sort((a, b) => (a.stationId < b.stationId ? -1 : 1));
}

async function driftFrom(
  context: ApiOptions,
  party: PartyId,
  template: ConfigurationTemplateDoc,
  rows: readonly StationRow[],
): Promise<Drift[]> {
  const ids = rows.map(({ station }) => station);
  const variableOf = await loadVariables(context, party, ids, keysOf(template.entries));
  return rows.flatMap(({ station, protocol }) => {
    const counts: Counts = { same: 0, differs: 0, missing: 0, read_only: 0, reboot_pending: 0 };
    for (const entry of template.entries) {
      if (!isOfProtocol(entry, protocol ?? "")) continue;
      counts[differenceOf(entry, variableOf(station, keyOfEntry(entry)))]++;
    }
    const { same, differs, missing, read_only: readOnly, reboot_pending: rebootPending } = counts;
    if (differs + missing + readOnly + rebootPending === 0) return [];
    return [{ stationId: station, templateId: template.id, same, differs, missing, readOnly, rebootPending }];
  });
}
