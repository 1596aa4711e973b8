// Tokens as stations are to be answered: one of a roaming partner is as good as the connection with that partner.
import type { PartyId } from "../ids/ids.ts";
import type { PartnerDoc, TokenDoc } from "./entities.ts";
import type { RegistryLookup } from "./view.ts";

type Registry = Pick<RegistryLookup, "find">;

/** A paused one is connected: an operator stops the talk with it, not its drivers. */
export function isConnected(partner: PartnerDoc | undefined): boolean {
  return partner?.state === "registered";
}

/** @param key see `tokenKey` @returns not valid where its partner was removed, or one of both has ended the registration */
export function tokenInForce(registry: Registry, party: PartyId, key: string): TokenDoc | undefined {
  const doc = registry.find(party, "token", key)?.doc;
  if (doc?.roaming === undefined || !doc.valid) return doc;
  return isConnected(registry.find(party, "partner", doc.roaming.partner)?.doc) ? doc : { ...doc, valid: false };
}
