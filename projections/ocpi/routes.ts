// Every endpoint, once. The plugin registers these rows, docs/ocpi-coverage.md is made of them, and a test holds both to it.
import { getCredentials, deleteCredentials, postCredentials, putCredentials } from "./credentials.ts";
import type { OcpiHandler } from "./call.ts";
import { deleteChargingProfile, getActiveProfile, putChargingProfile } from "./charging-profiles.ts";
import { listCdrs } from "./cdrs.ts";
import { postCommand } from "./commands.ts";
import { getClientInfo, putClientInfo } from "./hub-clients.ts";
import { getConnector, getEvse, getLocation, listLocations } from "./locations.ts";
import type { Access } from "./partners.ts";
import { servedVersions, type ServedModule, type ServedVersion } from "./served.ts";
import { listSessions, putChargingPreferences } from "./sessions.ts";
import { listTariffs } from "./tariffs.ts";
import { getToken, patchToken, putToken } from "./tokens.ts";
import { getVersions, versionDetails } from "./versions.ts";
import type { OcpiVersion } from "./versions/version.ts";

export type Method = "GET" | "POST" | "PUT" | "PATCH" | "DELETE";

export interface OcpiRoute {
  /** null: the same for every version. */
  readonly version: ServedVersion["version"] | null;
  readonly module: ServedModule["identifier"] | "versions";
  readonly role: ServedModule["role"] | null;
  readonly method: Method;
  /** Below `/ocpi`. */
  readonly path: string;
  readonly access: Access;
  readonly isFunctional: boolean;
  readonly handle: OcpiHandler;
  /** Where the handler is, in this folder. */
  readonly file: string;
  /** Title of the test that shows it. */
  readonly test: string;
}

type ModuleRow = readonly [method: Method, path: string, handle: OcpiHandler, file: string, test: string];

const handshake = "a partner registers with token A, which is dead afterwards, and is looked up before it is answered";

/** Of every version, by module; paths below the module's own. */
const rows: Readonly<Record<ServedModule["identifier"], readonly ModuleRow[]>> = {
  credentials: [
    ["GET", "", getCredentials, "credentials.ts", handshake],
    ["POST", "", postCredentials, "credentials.ts", handshake],
    ["PUT", "", putCredentials, "credentials.ts", "PUT rotates both tokens, and the one before is dead"],
    [
      "DELETE",
      "",
      deleteCredentials,
      "credentials.ts",
      "DELETE ends the registration; POST, PUT and DELETE are 405 by state",
    ],
  ],
  locations: [
    ["GET", "", listLocations, "locations.ts", "locations are told as OCPI has them, without what is ours alone"],
    ["GET", "/:location", getLocation, "locations.ts", "one location, one EVSE, one connector; what is unknown is 404"],
    [
      "GET",
      "/:location/:evse",
      getEvse,
      "locations.ts",
      "one location, one EVSE, one connector; what is unknown is 404",
    ],
    [
      "GET",
      "/:location/:evse/:connector",
      getConnector,
      "locations.ts",
      "one location, one EVSE, one connector; what is unknown is 404",
    ],
  ],
  tariffs: [["GET", "", listTariffs, "tariffs.ts", "tariffs are told with prices as numbers"]],
  sessions: [
    ["GET", "", listSessions, "sessions.ts", "sessions go to the owner of the token alone, in kWh, and want date_from"],
    [
      "PUT",
      "/:session/charging_preferences",
      putChargingPreferences,
      "sessions.ts",
      "charging preferences of an EVSE that takes none are 404 with 2001",
    ],
  ],
  cdrs: [["GET", "", listCdrs, "cdrs.ts", "CDRs say location, tariff and token as they were when the session began"]],
  tokens: [
    ["GET", "/:country/:party/:uid", getToken, "tokens.ts", "a token that is not known is 404 and 2004"],
    ["PUT", "/:country/:party/:uid", putToken, "tokens.ts", "a pushed token is the registry's: 201, then 200"],
    ["PATCH", "/:country/:party/:uid", patchToken, "tokens.ts", "PATCH changes what it names and wants last_updated"],
  ],
  commands: [
    ["POST", "/:command", postCommand, "commands.ts", "START_SESSION is answered at once, its result POSTed unwrapped"],
  ],
  chargingprofiles: [
    [
      "GET",
      "/:session",
      getActiveProfile,
      "charging-profiles.ts",
      "where nothing limits it, the active profile is the capacity of the EVSE",
    ],
    [
      "PUT",
      "/:session",
      putChargingProfile,
      "charging-profiles.ts",
      "PUT is told as the station says: ACCEPTED or REJECTED",
    ],
    [
      "DELETE",
      "/:session",
      deleteChargingProfile,
      "charging-profiles.ts",
      "DELETE clears what PUT set, and UNKNOWN is told where there was none",
    ],
  ],
  hubclientinfo: [
    ["GET", "/:country/:party", getClientInfo, "hub-clients.ts", "a hub says who is connected to it: 201, then 200"],
    ["PUT", "/:country/:party", putClientInfo, "hub-clients.ts", "a hub says who is connected to it: 201, then 200"],
  ],
};

/** Titles of the tests that go through all of a version's modules. */
const ofVersion: Readonly<Record<Exclude<OcpiVersion, "2.2.1">, string>> = {
  "2.1.1": "2.1.1: every object and request is as that version has it, from registration to the bill",
  "2.3.0": "2.3.0: every object and request is as that version has it, from registration to the bill",
};
/** Not in 2.1.1. */
const later: ReadonlySet<string> = new Set(["/:session/charging_preferences"]);

function rowsOf(version: OcpiVersion, identifier: ServedModule["identifier"]): readonly ModuleRow[] {
  if (version === "2.2.1") return rows[identifier];
  const had = version === "2.1.1" ? rows[identifier].filter(([, path]) => !later.has(path)) : rows[identifier];
  return had.map(([method, path, handle, file, test]) => {
    const isSame = identifier === "chargingprofiles" || identifier === "hubclientinfo" || later.has(path);
    return [method, path, handle, file, isSame ? test : ofVersion[version]];
  });
}

function routesOf(served: ServedVersion): readonly OcpiRoute[] {
  const { version, modules } = served;
  const details: OcpiRoute = {
    version,
    module: "versions",
    role: null,
    method: "GET",
    path: `/${version}`,
    access: "tokenA",
    isFunctional: false,
    handle: versionDetails(served),
    file: "versions.ts",
    test: handshake,
  };
  const all = modules.flatMap(({ identifier, role, isFunctional }) =>
    rowsOf(version, identifier).map(([method, path, handle, file, test]): OcpiRoute => {
      const access = identifier === "credentials" ? "tokenA" : "registered";
      const full = `/${version}/${identifier}${path}`;
      return { version, module: identifier, role, method, path: full, access, isFunctional, handle, file, test };
    }),
  );
  return [details, ...all];
}

export const ocpiRoutes: readonly OcpiRoute[] = [
  {
    version: null,
    module: "versions",
    role: null,
    method: "GET",
    path: "/versions",
    access: "tokenA",
    isFunctional: false,
    handle: getVersions,
    file: "versions.ts",
    test: handshake,
  },
  ...servedVersions.flatMap(routesOf),
];

/** Those of any method at this path: a 405 is not a 404. */
export function routesAt(path: string): readonly OcpiRoute[] {
  const parts = partsOf(path);
  return ocpiRoutes.filter((route) => fits(partsOf(route.path), parts));
}

function partsOf(path: string): readonly string[] {
  return path.replace(/\/$/, "").split("/");
}

function fits(pattern: readonly string[], parts: readonly string[]): boolean {
  return pattern.length === parts.length && pattern.every((part, at) => part.startsWith(":") || part === parts[at]);
}
