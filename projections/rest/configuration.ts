// What a station's configuration is beside what it should be.
import type { PartyId, StationId } from "../../core/ids/ids.ts";
import type { Protocol } from "../../core/records/frame-record.ts";
import type { ConfigurationEntryDoc } from "../../core/registry/entities.ts";
import type { ApiOptions } from "./context.ts";
import { isOfProtocol, keyOfEntry } from "./configuration-templates.ts";

/** A document of the collection `variables`, as far as it is compared. */
export interface Variable {
  readonly value: string | null;
  readonly mutability?: string;
  readonly afterReboot?: boolean;
  readonly dataType?: string | null;
  readonly maxLimit?: number | null;
}

/**
 * `missing`: the station never said it has this. `read_only`: it differs and cannot be changed. `reboot_pending`: the
 * station has accepted the value for after its restart.
 */
export type Difference = "same" | "differs" | "missing" | "read_only" | "reboot_pending";

export function differenceOf(entry: ConfigurationEntryDoc, found: Variable | undefined): Difference {
  if (!found) return "missing";
  if (sameValue(String(entry.value), found.value ?? "", found.dataType ?? null, entry.variable)) {
    return found.afterReboot === true ? "reboot_pending" : "same";
  }
  return found.mutability === "ReadOnly" ? "read_only" : "differs";
}

// --- values ---

/** 1.6 §9: comma separated lists whose order says nothing. */
const listsOf16 = new Set([
  "connectorphaserotation",
  "metervaluesaligneddata",
  "metervaluessampleddata",
  "stoptxnaligneddata",
  "stoptxnsampleddata",
  "supportedfeatureprofiles",
  "supportedfiletransferprotocols",
  "chargingscheduleallowedchargingrateunit",
]);

/**
 * As the field means it: `TRUE` is `true`, `30` is `30.0`, a member list has no order.
 * @param dataType of 2.x `variableCharacteristics`; null where the station did not say: 1.6, or a value that was read alone.
 */
export function sameValue(wanted: string, found: string, dataType: string | null, variable: string): boolean {
  const [a, b] = [wanted.trim(), found.trim()];
  if (a === b) return true;
  switch (dataType) {
    case "string":
      return false;
    case "dateTime":
      return Date.parse(a) === Date.parse(b);
    case "MemberList":
      return sameMembers(a, b);
    case "OptionList":
    case "SequenceList":
      return listOf(a).join() === listOf(b).join();
    case "boolean":
    case "integer":
    case "decimal":
      return samePlain(a, b);
    default:
      return samePlain(a, b) || (listsOf16.has(variable.toLowerCase()) && sameMembers(a, b));
  }
}

function samePlain(a: string, b: string): boolean {
  const [one, two] = [plainOf(a), plainOf(b)];
  return one !== undefined && one === two;
}

/** Numbers as digits, for some are beyond what a double holds. */
function plainOf(text: string): string | undefined {
  if (/^(true|false)$/i.test(text)) return text.toLowerCase();
  const [, sign, digits, fraction = ""] = /^([+-]?)0*(\d+)(?:\.(\d*))?$/.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const decimals = fraction.replace(/0+$/, "");
  return `${sign === "-" ? "-" : ""}${digits}${decimals === "" ? "" : `.${decimals}`}`;
}

function listOf(text: string): string[] {
  return text.split(",").map((item) => item.trim().toLowerCase());
}

function sameMembers(a: string, b: string): boolean {
  return listOf(a).sort().join() === listOf(b).sort().join();
}

// --- rows ---

/** By station and key of the variable, in one query. */
export async function loadVariables(
  { store }: Pick<ApiOptions, "store">,
  party: PartyId,
  stations: readonly string[],
  keys: readonly string[],
): Promise<(station: string, key: string) => Variable | undefined> {
  if (stations.length === 0 || keys.length === 0) return () => undefined;
  const rows = await store.reader
    .selectFrom("live_station_document")
    .select(["station", "key", "document"])
    .where("party", "=", party)
    .where("collection", "=", "variables")
    .where("station", "in", stations)
    .where("key", "in", keys)
    .where("document", "is not", null)
    .execute();
  const found = new Map(rows.map((row) => [`${row.station}/${row.key}`, row.document!]));
  return (station, key) => {
    const document = found.get(`${station}/${key}`);
    return document === undefined ? undefined : (JSON.parse(document) as Variable);
  };
}

export function keysOf(entries: readonly ConfigurationEntryDoc[]): string[] {
  return entries.map(keyOfEntry);
}

export interface Compared {
  readonly entry: ConfigurationEntryDoc;
  readonly status: Difference;
  readonly stationValue: string | null;
}

/** Entries for the other kind of OCPP do not concern the station. */
export async function compare(
  context: ApiOptions,
  party: PartyId,
  station: StationId,
  protocol: Protocol | undefined,
  all: readonly ConfigurationEntryDoc[],
): Promise<Compared[]> {
  const entries = all.filter((entry) => protocol === undefined || isOfProtocol(entry, protocol));
  const variableOf = await loadVariables(context, party, [station], keysOf(entries));
  return entries.map((entry) => {
    const found = variableOf(station, keyOfEntry(entry));
    return { entry, status: differenceOf(entry, found), stationValue: found?.value ?? null };
  });
}
