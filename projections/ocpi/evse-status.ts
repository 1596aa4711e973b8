// OCPI's status of an EVSE from what its stations said (2.2.1, Locations; ocpi.md). Pure.
import { limits } from "../../core/config/limits.ts";

export type OcpiEvseStatus =
  | "AVAILABLE"
  | "BLOCKED"
  | "CHARGING"
  | "INOPERATIVE"
  | "OUTOFORDER"
  | "RESERVED"
  | "UNKNOWN"
  | "REMOVED";

export interface StatusSince {
  readonly status: OcpiEvseStatus;
  /** Log time, epoch ms. */
  readonly since: number;
}

/** Of one connector of a station; what is not known is absent. */
export interface ConnectorFacts {
  /** As the station's version has it. */
  readonly reported: { readonly status: string; readonly at: number } | undefined;
  /** Of the station as a whole (connector 0 of 1.6). */
  readonly whole: { readonly status: string; readonly at: number } | undefined;
  /** Since when the station is offline; undefined: it is online, or was never here. */
  readonly offlineSince: number | undefined;
  /** Since when a transaction is open. */
  readonly chargingSince: number | undefined;
}

const fixed: Readonly<Record<string, OcpiEvseStatus>> = {
  Available: "AVAILABLE",
  Charging: "CHARGING",
  SuspendedEV: "CHARGING",
  SuspendedEVSE: "CHARGING",
  Reserved: "RESERVED",
  Unavailable: "INOPERATIVE",
  Faulted: "OUTOFORDER",
};

/** @param occupied what Preparing, Finishing and 2.x Occupied are without a transaction: BLOCKED or CHARGING. */
export function connectorStatus(
  facts: ConnectorFacts,
  occupied: "BLOCKED" | "CHARGING",
  now: number,
  registeredAt: number,
): StatusSince {
  const { reported, whole, offlineSince, chargingSince } = facts;
  const own = reported ? (fixed[reported.status] ?? occupied) : undefined;
  const isBroken = own === "OUTOFORDER" || own === "INOPERATIVE";
  if (chargingSince !== undefined && !isBroken) {
    return { status: "CHARGING", since: Math.max(chargingSince, own === "CHARGING" ? (reported?.at ?? 0) : 0) };
  }
  // A gateway that drains, a link that flaps: whoever is back within the grace was never away.
  const unknownFrom = offlineSince === undefined ? undefined : offlineSince + limits.ocpiOfflineGraceMs;
  if (unknownFrom !== undefined && now >= unknownFrom) return { status: "UNKNOWN", since: unknownFrom };
  const ofWhole = whole && fixed[whole.status];
  if (whole && (ofWhole === "INOPERATIVE" || ofWhole === "OUTOFORDER") && !isBroken) {
    return { status: ofWhole, since: whole.at };
  }
  if (own === undefined || reported === undefined) return { status: "UNKNOWN", since: registeredAt };
  return { status: own, since: reported.at };
}

/** Whichever of several connectors says most of what a driver can do here. */
const strongest: readonly OcpiEvseStatus[] = [
  "CHARGING",
  "RESERVED",
  "BLOCKED",
  "AVAILABLE",
  "OUTOFORDER",
  "INOPERATIVE",
  "UNKNOWN",
];

/** One EVSE over several connectors of a 1.6 station (`grouped`), or over one. */
export function evseStatus(connectors: readonly StatusSince[], registeredAt: number): StatusSince {
  for (const status of strongest) {
    const same = connectors.filter((connector) => connector.status === status);
    if (same.length > 0) return { status, since: Math.max(...same.map(({ since }) => since)) };
  }
  return { status: "UNKNOWN", since: registeredAt };
}

const taken: ReadonlySet<OcpiEvseStatus> = new Set(["CHARGING", "RESERVED", "BLOCKED"]);

/** Connectors that share a bay are an EVSE each (`virtual`): where one is taken, the free ones are none. */
export function besideSiblings(own: StatusSince, siblings: readonly StatusSince[]): StatusSince {
  const taker = own.status === "AVAILABLE" ? siblings.find(({ status }) => taken.has(status)) : undefined;
  return taker ? { status: "BLOCKED", since: Math.max(taker.since, own.since) } : own;
}
