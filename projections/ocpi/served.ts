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

/** From 2.2 on. */
const modules: readonly ServedModule[] = [
  { identifier: "credentials", role: "RECEIVER", isFunctional: false },
  { identifier: "locations", role: "SENDER", isFunctional: true },
  { identifier: "tariffs", role: "SENDER", isFunctional: true },
  { identifier: "sessions", role: "SENDER", isFunctional: true },
  { identifier: "cdrs", role: "SENDER", isFunctional: true },
  { identifier: "tokens", role: "RECEIVER", isFunctional: true },
  { identifier: "commands", role: "RECEIVER", isFunctional: true },
  { identifier: "chargingprofiles", role: "RECEIVER", isFunctional: true },
  { identifier: "hubclientinfo", role: "RECEIVER", isFunctional: false },
];

/** 2.1.1: nothing is routed, and these are all that it has. */
const firstModules = ["credentials", "locations", "tariffs", "sessions", "cdrs", "tokens", "commands"];

export const servedVersions: readonly ServedVersion[] = [
  {
    version: "2.1.1",
    modules: modules
      .filter(({ identifier }) => firstModules.includes(identifier))
      .map((module) => ({ ...module, isFunctional: false })),
  },
  { version: "2.2.1", modules },
  { version: "2.3.0", modules },
];
