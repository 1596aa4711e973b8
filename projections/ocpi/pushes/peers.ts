// To whom pushes go: partners that have registered and serve the receiver interface of a module.
import { trusted, type PartyId } from "../../../core/ids/ids.ts";
import { partitionOf } from "../../../core/log/partition.ts";
import type { PartnerDoc } from "../../../core/registry/entities.ts";
import type { RegistryView } from "../../../core/registry/view.ts";
import type { Partner } from "../partners.ts";

/** As OCPI calls them. */
export type PushedModule = "locations" | "tariffs" | "sessions" | "cdrs";

/** undefined: it has no such interface, or no connection. */
export function receiverOf(doc: PartnerDoc, module: PushedModule): string | undefined {
  return endpointOf(doc, module, "RECEIVER");
}

/** Where its tokens are listed, and asked about in real time. */
export function tokensOf(doc: PartnerDoc): string | undefined {
  return endpointOf(doc, "tokens", "SENDER");
}

/** Where it is told that the active charging profile of a session has changed. */
export function profilesOf(doc: PartnerDoc): string | undefined {
  return endpointOf(doc, "chargingprofiles", "SENDER");
}

/** Where a hub lists who is connected to it. */
export function hubClientsOf(doc: PartnerDoc): string | undefined {
  return endpointOf(doc, "hubclientinfo", "SENDER");
}

function endpointOf({ state, peer }: PartnerDoc, module: string, side: "SENDER" | "RECEIVER"): string | undefined {
  if (state !== "registered") return undefined;
  const found = peer?.endpoints.find(({ identifier, role }) => identifier === module && role === side);
  return found?.url.replace(/\/+$/, "");
}

export function* pushPeers(registry: RegistryView): Generator<Partner> {
  for (const party of registry.parties()) yield* pushPeersOf(registry, trusted.party(party));
}

/** Paused ones too: what happens meanwhile waits for them. */
export function* pushPeersOf(registry: RegistryView, party: PartyId): Generator<Partner> {
  for (const id of registry.ids(party, "partner")) {
    const found = registry.find(party, "partner", id);
    if (found?.doc.state === "registered" && found.doc.peer) yield { party, ...found };
  }
}

/** Country code and party id of its first role: a bounded label. */
export function partyNameOf({ roles: [first] }: Pick<PartnerDoc, "roles">): string {
  return first ? `${first.countryCode}${first.partyId}` : "unregistered";
}

/** Whoever projects this partition sends to the partner: one process at a time, for a partition has one owner. */
export function homePartition({ party, doc }: Pick<Partner, "party" | "doc">, partitions: number): number {
  return partitionOf(`${party}/partner/${doc.id}`, partitions);
}
