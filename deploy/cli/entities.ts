// What `station`, `token`, `tariff`, `location` and `meter-keys` differ in: where they live in REST, how a line of CSV becomes a
// document, what a table of them shows.
import type { EntityKind } from "../../core/registry/entities.ts";
import { tokenKey } from "../../core/registry/entities.ts";
import { BadCell, WrongUse } from "./command.ts";
import type { Cell } from "./output.ts";

export type Doc = Readonly<Record<string, unknown>>;
export type CsvRow = Readonly<Record<string, string>>;

export interface Entity {
  readonly kind: EntityKind;
  readonly path: string;
  readonly idField: string;
  /** As the registry keys it. */
  readonly keyOf: (id: string) => string;
  /** What `add ID` fills in where nothing is said. */
  readonly defaults: (id: string) => Doc;
  /** Columns of a CSV file; a document may take several lines. @throws WrongUse */
  readonly fromCsv: (rows: readonly CsvRow[]) => readonly Doc[];
  /** Every column that a CSV file may have; `idField` must be among them. */
  readonly csvColumns: readonly string[];
  /** Lines of one id are one document; the line that a JSON pointer into it came from, as a place in `rows`. */
  readonly severalLines?: (rows: readonly CsvRow[], path: string) => number;
  /** Of the place that a JSON pointer into the document names; absent: its first part. */
  readonly columnOf?: (path: string, doc: Doc) => string;
  /** Texts of the command line and of CSV that are numbers or truths in the document. */
  readonly types: Readonly<Record<string, "number" | "boolean">>;
  readonly columns: Readonly<Record<string, (doc: Doc) => Cell>>;
}

const same = (id: string): string => id;
const field =
  (name: string) =>
  (doc: Doc): Cell =>
    cell(doc[name]);

function cell(value: unknown): Cell {
  if (typeof value === "string" || typeof value === "number" || value === undefined || value === null) return value;
  if (typeof value === "boolean") return value ? "yes" : "no";
  return JSON.stringify(value);
}

const components = { energy: "ENERGY", time: "TIME", parking: "PARKING_TIME", flat: "FLAT" } as const;

/** OCPI's fields of a Location that are plain texts. */
const locationColumns = [
  "id",
  "name",
  "address",
  "city",
  "postal_code",
  "state",
  "country",
  "country_code",
  "party_id",
  "parking_type",
  "time_zone",
] as const;

const meterKeyColumns: readonly string[] = ["publicKey", "evseId", "meter", "validFrom", "validUntil"];

const stationTypes = { securityProfile: "number" } as const;
const tokenTypes = { valid: "boolean" } as const;

export const entities: Readonly<Record<string, Entity>> = {
  station: {
    kind: "station",
    path: "/api/v1/stations",
    idField: "id",
    keyOf: same,
    defaults: (id) => ({ id, acceptance: "accepted" }),
    fromCsv: (rows) => rows.map((row) => typed({ acceptance: "accepted", ...filled(row) }, stationTypes)),
    csvColumns: [
      "id",
      "acceptance",
      "password",
      "securityProfile",
      "serialNumber",
      "validation",
      "locationId",
      "carrier",
      "siteGroup",
    ],
    types: stationTypes,
    columns: {
      id: field("id"),
      acceptance: field("acceptance"),
      profile: field("securityProfile"),
      validation: field("validation"),
      location: field("locationId"),
      carrier: field("carrier"),
      group: field("siteGroup"),
      password: (doc) => (doc["password"] === undefined ? "" : "set"),
    },
  },
  token: {
    kind: "token",
    path: "/api/v1/tokens",
    idField: "uid",
    keyOf: tokenKey,
    defaults: (uid) => ({ ...tokenDefaults, uid, contractId: uid }),
    fromCsv: (rows) =>
      rows.map((row) => typed({ ...tokenDefaults, contractId: row["uid"] ?? "", ...filled(row) }, tokenTypes)),
    csvColumns: ["uid", "type", "contractId", "valid", "whitelist", "groupId", "expiresAt"],
    types: tokenTypes,
    columns: {
      uid: field("uid"),
      type: field("type"),
      contract: field("contractId"),
      valid: field("valid"),
      whitelist: field("whitelist"),
      group: field("groupId"),
      expires: field("expiresAt"),
    },
  },
  tariff: {
    kind: "tariff",
    path: "/api/v1/tariffs",
    idField: "id",
    keyOf: same,
    defaults: () => {
      throw new WrongUse("A tariff is an OCPI document: `wattlog tariff add --file tariff.json`.");
    },
    fromCsv: (rows) => rows.map(tariffOf),
    csvColumns: ["id", "currency", ...Object.keys(components), "vat", "stepSize", "validFrom"],
    columnOf: tariffColumn,
    types: {},
    columns: {
      id: field("id"),
      currency: field("currency"),
      elements: (doc) => (Array.isArray(doc["elements"]) ? doc["elements"].length : 0),
      "valid from": field("validFrom"),
    },
  },
  location: {
    kind: "location",
    path: "/api/v1/locations",
    idField: "id",
    keyOf: same,
    defaults: (id) => ({ id }),
    fromCsv: locationsOf,
    csvColumns: [...locationColumns, "evseUid", "connector", "stationId", "evseId", "connectorId", "tariffIds"],
    severalLines: lineOfLocation,
    columnOf: locationColumn,
    types: {},
    columns: {
      id: field("id"),
      name: field("name"),
      city: field("city"),
      country: field("country"),
      "time zone": field("time_zone"),
      evses: (doc) => (Array.isArray(doc["evses"]) ? doc["evses"].length : 0),
    },
  },
  "meter-keys": {
    kind: "meterKeys",
    path: "/api/v1/meter-keys",
    idField: "id",
    keyOf: same,
    defaults: () => {
      throw new WrongUse(
        "A station's keys are a document: `wattlog meter-keys add --file keys.json`, or import a CSV.",
      );
    },
    fromCsv: meterKeysOf,
    csvColumns: ["id", "calibrated", ...meterKeyColumns],
    severalLines: (rows, path) => rows.findIndex((row) => row === withKey(rows)[Number(path.split("/")[2])]),
    columnOf: (path) => path.split("/").at(-1) ?? "",
    types: { calibrated: "boolean" },
    columns: {
      id: field("id"),
      calibrated: field("calibrated"),
      keys: (doc) => (Array.isArray(doc["keys"]) ? doc["keys"].length : 0),
    },
  },
};

const tokenDefaults = { type: "RFID", valid: true, whitelist: "ALLOWED" } as const;

/** An empty cell says nothing. */
function filled(row: CsvRow): CsvRow {
  return Object.fromEntries(Object.entries(row).filter(([, value]) => value !== ""));
}

/** @throws WrongUse where a text is not of its type. */
export function typed(doc: Doc, types: Entity["types"]): Doc {
  return Object.fromEntries(Object.entries(doc).map(([name, value]) => [name, typedValue(name, value, types[name])]));
}

function typedValue(name: string, value: unknown, type: "number" | "boolean" | undefined): unknown {
  if (typeof value !== "string" || type === undefined) return value;
  if (type === "boolean") {
    if (value === "true" || value === "false") return value === "true";
    throw new BadCell(name, `${name} is true or false, not ${value}.`);
  }
  const number = Number(value);
  if (value.trim() === "" || !Number.isFinite(number)) throw new BadCell(name, `${name} is a number, not ${value}.`);
  return number;
}

/** A line: id, currency, prices (energy per kWh, time and parking per hour, flat), vat, stepSize, validFrom. */
function tariffOf(row: CsvRow): Doc {
  const { id, currency, vat, stepSize, validFrom } = filled(row);
  const price_components = Object.entries(components).flatMap(([column, type]) => {
    const price = row[column];
    if (price === undefined || price === "") return [];
    const step_size = type === "FLAT" || stepSize === undefined ? 1 : Number(stepSize);
    // Prices stay texts: a binary fraction is no price.
    return [{ type, price, ...(vat === undefined ? {} : { vat }), step_size }];
  });
  return { id, currency, elements: [{ price_components }], ...(validFrom === undefined ? {} : { validFrom }) };
}

/** A price stands in the column of its kind, what goes with it in columns of their own. */
function tariffColumn(path: string, doc: Doc): string {
  const [first = "", , , at, name] = path.split("/").slice(1);
  if (name === "vat") return "vat";
  if (name === "step_size") return "stepSize";
  if (name !== "price") return first;
  const [element] = doc["elements"] as readonly [{ price_components: readonly { type: string }[] }];
  const type = element.price_components[Number(at)]?.type;
  return Object.entries(components).find(([, kind]) => kind === type)?.[0] ?? first;
}

const connectorNumbers = { evseId: "number", connectorId: "number" } as const;

/** A line a connector; lines with the same id are one location, with the same evseUid one EVSE. */
function locationsOf(rows: readonly CsvRow[]): readonly Doc[] {
  return [...Map.groupBy(rows, (row) => row["id"] ?? "").values()].map((lines) => {
    const {
      evseUid: _uid,
      connector: _connector,
      stationId: _station,
      evseId: _evse,
      connectorId: _id,
      tariffIds: _tariffs,
      ...head
    } = filled(lines[0]!);
    const withEvse = lines.filter((line) => (line["evseUid"] ?? "") !== "");
    const evses = [...Map.groupBy(withEvse, (line) => line["evseUid"]!)].map(([uid, of]) => ({
      uid,
      connectors: of.map(connectorOf),
    }));
    return { ...head, ...(evses.length === 0 ? {} : { evses }) };
  });
}

const withKey = (rows: readonly CsvRow[]) => rows.filter((row) => (row["publicKey"] ?? "") !== "");

/** A line a key; lines with the same id are of one station. One without a key says of the station alone. */
function meterKeysOf(rows: readonly CsvRow[]): readonly Doc[] {
  return [...Map.groupBy(rows, (row) => row["id"] ?? "")].map(([id, lines]) => {
    const calibrated = lines.map((line) => line["calibrated"] ?? "").find((said) => said !== "");
    const keys = withKey(lines).map((line) =>
      typed(Object.fromEntries(Object.entries(filled(line)).filter(([name]) => meterKeyColumns.includes(name))), {
        evseId: "number",
      }),
    );
    return typed({ id, ...(calibrated === undefined ? {} : { calibrated }), keys }, { calibrated: "boolean" });
  });
}

const evseColumns: Readonly<Record<string, string>> = { uid: "evseUid", id: "connector", tariff_ids: "tariffIds" };

/** `/name`, `/evses/0/uid`, `/evses/0/connectors/1/tariff_ids/0`. */
function locationColumn(path: string): string {
  const [first = "", , second = "", , third = second] = path.split("/").slice(1);
  return first === "evses" ? (evseColumns[third] ?? third) : first;
}

function lineOfLocation(rows: readonly CsvRow[], path: string): number {
  const [, , evse, , connector = "0"] = path.split("/");
  const withEvse = rows.flatMap((row, at) => ((row["evseUid"] ?? "") === "" ? [] : [{ at, uid: row["evseUid"]! }]));
  const evses = [...Map.groupBy(withEvse, ({ uid }) => uid).values()];
  return evses[Number(evse)]?.[Number(connector)]?.at ?? 0;
}

function connectorOf(row: CsvRow): Doc {
  const { connector, stationId, evseId, connectorId, tariffIds } = filled(row);
  const ours = typed(
    filled({ stationId: stationId ?? "", evseId: evseId ?? "", connectorId: connectorId ?? "" }),
    connectorNumbers,
  );
  return {
    id: connector ?? "1",
    ...ours,
    ...(tariffIds === undefined ? {} : { tariff_ids: tariffIds.split(/[ ;]+/) }),
  };
}
