// Parties behind a hub, as the registry has them (2.2.1, HubClientInfo).
import type { PartyId } from "../../core/ids/ids.ts";
import type { HubClientDoc, PartnerDoc, PartnerRole } from "../../core/registry/entities.ts";
import type { RegistryView } from "../../core/registry/view.ts";
import { utc, type Members } from "./values.ts";

export const roleNames = ["CPO", "EMSP", "HUB", "NAP", "NSP", "OTHER", "SCSP"] as const;

export type PartyName = Pick<PartnerRole, "countryCode" | "partyId">;

interface Of {
  readonly party: PartyId;
  readonly doc: Pick<PartnerDoc, "id" | "roles">;
}

export function isHub({ doc }: Pick<Of, "doc">): boolean {
  return doc.roles.some(({ role }) => role === "HUB");
}

export function clientId(hub: string, { countryCode, partyId }: PartyName, role: PartnerRole["role"]): string {
  return `${hub}/${countryCode.toUpperCase()}${partyId.toUpperCase()}/${role}`;
}

/** What a hub says of one party: one entry a role. Empty where it does not list it, or is no hub. */
export function behindHub(registry: RegistryView, hub: Of, name: PartyName): readonly HubClientDoc[] {
  if (!isHub(hub)) return [];
  return roleNames.flatMap(
    (role) => registry.find(hub.party, "hubClient", clientId(hub.doc.id, name, role))?.doc ?? [],
  );
}

/** Nothing is sent to a party that its hub cannot reach. One with several roles is away where all of them are. */
export function isAway(registry: RegistryView, hub: Of, name: PartyName): boolean {
  const own = behindHub(registry, hub, name);
  return own.length > 0 && own.every(({ status }) => status !== "CONNECTED");
}

/** By name. */
export function clientsOf(registry: RegistryView, { party, doc }: Of): readonly HubClientDoc[] {
  return clientIds(registry, party, doc.id)
    .toSorted()
    .flatMap((id) => registry.find(party, "hubClient", id)?.doc ?? []);
}

export function clientIds(registry: RegistryView, party: PartyId, hub: string): readonly string[] {
  return [...registry.ids(party, "hubClient")].filter((id) => id.startsWith(`${hub}/`));
}

/** ClientInfo. */
export function showClient({ countryCode, partyId, role, status, updatedAt }: HubClientDoc): Members {
  return { party_id: partyId, country_code: countryCode, role, status, last_updated: utc(updatedAt) };
}
