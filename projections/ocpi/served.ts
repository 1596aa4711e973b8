// The versions of OCPI that are served, and the modules of each.
import type { OcpiVersion } from "./versions/version.ts";

export interface ServedModule {
  readonly identifier:
    | "credentials"
    | "locations"
    | "tariffs"
    | "sessions"
    | "cdrs"
    | "tokens"
    | "commands"
    | "chargingprofiles"
    | "hubclientinfo";
  /** OCPI's interface. Credentials have no direction; from 2.2 on a role is asked for all the same. 2.1.1 tells none. */
  readonly role: "SENDER" | "RECEIVER";
  /** Routed between parties: answers carry the routing headers. */
  readonly isFunctional: boolean;
}

export interface ServedVersion {
  readonly version: OcpiVersion;
  readonly modules: readonly ServedModule[];
}

export const servedVersions: readonly ServedVersion[] = [
  { version: "2.1.1", modules: [{ identifier: "credentials", role: "RECEIVER", isFunctional: false }] },
  {
    version: "2.2.1",
    modules: [
      { identifier: "credentials", role: "RECEIVER", isFunctional: false },
      { identifier: "locations", role: "SENDER", isFunctional: true },
      { identifier: "tariffs", role: "SENDER", isFunctional: true },
      { identifier: "sessions", role: "SENDER", isFunctional: true },
      { identifier: "cdrs", role: "SENDER", isFunctional: true },
      { identifier: "tokens", role: "RECEIVER", isFunctional: true },
      { identifier: "commands", role: "RECEIVER", isFunctional: true },
      { identifier: "chargingprofiles", role: "RECEIVER", isFunctional: true },
      { identifier: "hubclientinfo", role: "RECEIVER", isFunctional: false },
    ],
  },
  { version: "2.3.0", modules: [{ identifier: "credentials", role: "RECEIVER", isFunctional: false }] },
];
