// Time that does not count: what operators entered, with their reasons. An exclusion is a document of the registry, so each of
// its versions and who wrote it stays on record.
import type { PartyId } from "../../core/ids/ids.ts";
import type { ExclusionScope, OutageExclusionDoc } from "../../core/registry/entities.ts";
import type { RegistryView } from "../../core/registry/view.ts";
import type { Membership } from "./station-groups.ts";
import type { Excluded } from "./uptime.ts";

/** `byNevi`: 23 CFR 680.116(b)(3) names it; the others leave the own formula alone. */
export const exclusionCauses = {
  utilityOutage: { byNevi: true, says: "the electric utility's supply was interrupted" },
  vehicle: { byNevi: true, says: "the fault was the vehicle's" },
  scheduledMaintenance: { byNevi: true, says: "maintenance that was planned" },
  vandalism: { byNevi: true, says: "somebody damaged it" },
  naturalDisaster: { byNevi: true, says: "a natural disaster" },
  outsideHours: { byNevi: true, says: "outside the station's hours of operation" },
  carrier: { byNevi: false, says: "the mobile network was down: nobody knows whether it charged" },
  construction: { byNevi: false, says: "not open to the public yet, or not any more" },
  other: { byNevi: false, says: "as its reason says" },
} as const;

export type ExclusionCause = keyof typeof exclusionCauses;
export const causes = Object.keys(exclusionCauses) as ExclusionCause[];

function byNevi(cause: string): boolean {
  return exclusionCauses[cause as ExclusionCause]?.byNevi ?? false;
}

interface Prepared {
  readonly doc: OutageExclusionDoc;
  readonly stations: ReadonlySet<string> | undefined;
}

/** Those that reach into a period, as the registry has them now. */
export class Exclusions {
  private readonly prepared: readonly Prepared[];

  /** @param from epoch ms @param to exclusive */
  constructor(registry: RegistryView, party: PartyId, from: number, to: number) {
    this.prepared = [...registry.ids(party, "outageExclusion")]
      .flatMap((id) => registry.find(party, "outageExclusion", id)?.doc ?? [])
      .filter((doc) => doc.from < to && doc.to > from)
      .map((doc) => ({ doc, stations: doc.appliesTo.stations && new Set(doc.appliesTo.stations) }));
  }

  of(station: string, member: Membership): Excluded[] {
    return this.prepared
      .filter(({ doc, stations }) => (stations?.has(station) ?? true) && covers(doc.appliesTo, member))
      .map(({ doc }) => ({
        id: doc.id,
        span: [doc.from, doc.to],
        byNevi: byNevi(doc.cause),
        evseId: doc.appliesTo.evseId,
      }));
  }
}

function covers(scope: ExclusionScope, member: Membership): boolean {
  const asked = ["vendor", "locationId", "carrier", "siteGroup"] as const;
  return asked.every((name) => scope[name] === undefined || scope[name] === member[name]);
}
