// The Credentials object: from 2.2 on a platform with roles, in 2.1.1 one party whose role is as agreed on. Pure.
import type { PartnerRole } from "../../../core/registry/entities.ts";
import { invalid } from "../envelope.ts";
import { isMembers, textIn, type Members } from "../values.ts";
import type { OcpiVersion } from "./version.ts";

export interface CredentialsObject {
  readonly token: string;
  readonly url: string;
  readonly roles: readonly PartnerRole[];
}

/** Ours. */
export interface OwnCredentials {
  readonly token: string;
  readonly url: string;
  readonly roles: readonly {
    readonly role: string;
    readonly country_code: string;
    readonly party_id: string;
    readonly business_details: { readonly name: string };
  }[];
}

export function showCredentials(version: OcpiVersion, { token, url, roles }: OwnCredentials): Members {
  if (version !== "2.1.1") return { token, url, roles };
  const { country_code, party_id, business_details } = roles[0]!;
  return { token, url, country_code, party_id, business_details };
}

const roleNames = ["CPO", "EMSP", "HUB", "NAP", "NSP", "OTHER", "SCSP"] as const;
const printable = /^[\x21-\x7e]{1,64}$/;
const urlMaxChars = 255;
const rolesMax = 200;
const hubChars = 5;

type ReadRoles = (body: Members, agreed: readonly PartnerRole[]) => readonly PartnerRole[];

const readRoles: Readonly<Record<OcpiVersion, ReadRoles>> = {
  "2.1.1": (body, agreed) => [soleParty(body, agreed)],
  "2.2.1": rolesIn,
  "2.3.0": (body) => [...rolesIn(body), ...hubIn(body)],
};

/** @param agreed roles that the operator added it with @throws OcpiError 2001 */
export function parseCredentials(
  version: OcpiVersion,
  body: unknown,
  agreed: readonly PartnerRole[],
): CredentialsObject {
  if (!isMembers(body)) throw invalid("A credentials object is needed.");
  const token = textIn(body, "token", 64);
  if (!printable.test(token)) throw invalid("token must be printable ASCII without spaces.");
  const url = textIn(body, "url", urlMaxChars);
  return { token, url, roles: readRoles[version](body, agreed) };
}

function rolesIn(body: Members): readonly PartnerRole[] {
  const roles: unknown = body["roles"];
  if (!Array.isArray(roles) || roles.length === 0 || roles.length > rolesMax) {
    throw invalid(`roles must be a list of 1 to ${rolesMax} roles.`);
  }
  return roles.map(parseRole);
}

function parseRole(role: unknown): PartnerRole {
  if (!isMembers(role)) throw invalid("Each of roles must be an object.");
  const name = roleNames.find((known) => known === role["role"]);
  if (!name) throw invalid(`role must be one of ${roleNames.join(", ")}.`);
  return { role: name, ...partyIn(role), name: businessIn(role) };
}

/** 2.1.1 does not say what it is; whoever nobody agreed on a role with reads what a CPO has, as an eMSP does. */
function soleParty(body: Members, agreed: readonly PartnerRole[]): PartnerRole {
  const party = partyIn(body);
  const same = agreed.find(
    ({ countryCode, partyId }) => countryCode === party.countryCode && partyId === party.partyId,
  );
  return { role: same?.role ?? "EMSP", ...party, name: businessIn(body) };
}

/** 2.3.0: the roles of a hub's platform are the parties that it reaches, and its own party stands beside them. */
function hubIn({ hub_party_id: hub }: Members): readonly PartnerRole[] {
  if (hub === undefined || hub === null) return [];
  if (typeof hub !== "string" || hub.length !== hubChars) throw invalid("hub_party_id has five characters.");
  return [{ role: "HUB", ...partyIn({ country_code: hub.slice(0, 2), party_id: hub.slice(2) }) }];
}

function partyIn(of: Members): Pick<PartnerRole, "countryCode" | "partyId"> {
  const countryCode = textIn(of, "country_code", 2).toUpperCase();
  const partyId = textIn(of, "party_id", 3).toUpperCase();
  if (/^[A-Z]{2}$/.test(countryCode) && /^[A-Z0-9]{3}$/.test(partyId)) return { countryCode, partyId };
  throw invalid("country_code has two letters, party_id three letters or digits.");
}

function businessIn(of: Members): string {
  const details = of["business_details"];
  if (isMembers(details)) return textIn(details, "name", 100);
  throw invalid("business_details with a name is needed for each party.");
}
