// Partners' tokens in the registry, however they come: pushed, pulled, or with the answer to a question.
import { isDeepStrictEqual } from "node:util";

import { tokenKey, type RoamingToken } from "../../core/registry/entities.ts";
import { isConnected } from "../../core/registry/tokens-in-force.ts";
import type { ApiOptions } from "../rest/context.ts";
import { writeEntity } from "../rest/registry-writer.ts";
import { OcpiError, statusCodes } from "./envelope.ts";
import { actsFor, principalOf, type Partner } from "./partners.ts";
import { tokenDocOf, type OcpiToken } from "./token-object.ts";
import { parseUtc, same, type Members } from "./values.ts";

type Needs = Pick<ApiOptions, "log" | "registry" | "clock">;

/** @throws OcpiError 2000 its uid is another party's token here; Problem as `writeEntity` */
export async function storeToken(needs: Needs, partner: Partner, token: OcpiToken): Promise<"new" | "known"> {
  const { registry } = needs;
  const key = tokenKey(token.uid);
  const known = registry.find(partner.party, "token", key);
  const roaming = known?.doc.roaming;
  // Stations know a token by its uid alone, so of two with one uid the first stays.
  const isTaken =
    known && (!isOwnOrLeft(needs, partner, roaming) || !isOf(roaming!.token, token.countryCode, token.partyId));
  if (isTaken) throw new OcpiError(statusCodes.clientError, "This uid is another party's token here.");
  if (known && roaming?.by === "pushed" && known.doc.type !== token.type) {
    throw new OcpiError(statusCodes.clientError, `This uid is a token of type ${known.doc.type} here.`);
  }
  const doc = tokenDocOf(token, { partner: partner.doc.id, by: "pushed" });
  await writeEntity(needs, principalOf(partner), "token", key, doc, known?.version ?? 0);
  return roaming?.by === "pushed" ? "known" : "new";
}

/** Whether the registry has it from this partner, as it is or newer. */
export function isStored({ registry }: Pick<Needs, "registry">, { party, doc }: Partner, token: OcpiToken): boolean {
  const roaming = registry.find(party, "token", tokenKey(token.uid))?.doc.roaming;
  if (roaming?.by !== "pushed" || roaming.partner !== doc.id) return false;
  return isDeepStrictEqual(roaming.token, token.members) || lastUpdated(roaming.token) > lastUpdated(token.members);
}

/** Epoch ms. */
export function lastUpdated(token: Members): number {
  return parseUtc(token["last_updated"]) ?? 0;
}

export function isOf(token: Members, country: string, party: string): boolean {
  return same(String(token["country_code"]), country) && same(String(token["party_id"]), party);
}

/** A token stays with its party: where the connection that it came by is gone, it is that of the party's next one. */
export function isOwnOrLeft(
  { registry }: Pick<Needs, "registry">,
  partner: Partner,
  roaming: RoamingToken | undefined,
): boolean {
  if (roaming === undefined || roaming.partner === partner.doc.id) return roaming !== undefined;
  const { country_code: country, party_id: id } = roaming.token;
  const isOfItsParty = actsFor(registry, partner, String(country), String(id));
  return isOfItsParty && !isConnected(registry.find(partner.party, "partner", roaming.partner)?.doc);
}
