// Registration (2.2.1, Credentials): what each side looks up at the other before it believes a token, in both directions.
import type { PartnerPeer, PartnerRole } from "../../core/registry/entities.ts";
import { invalid, OcpiError, statusCodes } from "./envelope.ts";
import type { PeerAddress, PeerClient } from "./peer-client.ts";
import { isMembers, textIn, type Members } from "./values.ts";

export interface CredentialsObject {
  readonly token: string;
  readonly url: string;
  readonly roles: readonly PartnerRole[];
}

const roleNames = ["CPO", "EMSP", "HUB", "NAP", "NSP", "OTHER", "SCSP"] as const;
const printable = /^[\x21-\x7e]{1,64}$/;
const urlMaxChars = 255;
const rolesMax = 200;
const endpointsMax = 100;

/** @throws OcpiError 2001 */
export function parseCredentials(body: unknown): CredentialsObject {
  if (!isMembers(body)) throw invalid("A credentials object is needed.");
  const token = textIn(body, "token", 64);
  if (!printable.test(token)) throw invalid("token must be printable ASCII without spaces.");
  const url = textIn(body, "url", urlMaxChars);
  const roles: unknown = body["roles"];
  if (!Array.isArray(roles) || roles.length === 0 || roles.length > rolesMax) {
    throw invalid(`roles must be a list of 1 to ${rolesMax} roles.`);
  }
  return { token, url, roles: roles.map(parseRole) };
}

function parseRole(role: unknown): PartnerRole {
  if (!isMembers(role)) throw invalid("Each of roles must be an object.");
  const name = roleNames.find((known) => known === role["role"]);
  if (!name) throw invalid(`role must be one of ${roleNames.join(", ")}.`);
  const countryCode = textIn(role, "country_code", 2).toUpperCase();
  const partyId = textIn(role, "party_id", 3).toUpperCase();
  if (!/^[A-Z]{2}$/.test(countryCode) || !/^[A-Z0-9]{3}$/.test(partyId)) {
    throw invalid("country_code has two letters, party_id three letters or digits.");
  }
  const details = role["business_details"];
  const business = isMembers(details) ? textIn(details, "name", 100) : undefined;
  if (business === undefined) throw invalid("business_details with a name is needed in each role.");
  return { role: name, countryCode, partyId, name: business };
}

/**
 * Versions, then details of the version, at the other side.
 * @throws OcpiError 3001 it cannot be used, 3002 it has no such version, 3003 it has no credentials endpoint there.
 */
export async function lookUp(
  peers: PeerClient,
  address: PeerAddress,
  versionsUrl: string,
  version: string,
): Promise<Omit<PartnerPeer, "sealedToken">> {
  const versions = listOf(await peers.call(address, { method: "GET", url: versionsUrl }));
  const found = versions.find((one) => one["version"] === version && typeof one["url"] === "string");
  if (!found) throw new OcpiError(statusCodes.unsupportedVersion, `Your versions have no ${version}.`);
  const details = await peers.call(address, { method: "GET", url: String(found["url"]) });
  const endpoints = listOf(isMembers(details) ? details["endpoints"] : undefined).flatMap(endpointOf);
  if (!endpoints.some(({ identifier }) => identifier === "credentials")) {
    throw new OcpiError(statusCodes.noMatchingEndpoints, `Your version ${version} has no credentials endpoint.`);
  }
  return { versionsUrl, version, endpoints };
}

function listOf(value: unknown): Members[] {
  return Array.isArray(value) ? value.slice(0, endpointsMax).filter(isMembers) : [];
}

function endpointOf(endpoint: Members): PartnerPeer["endpoints"] {
  const { identifier, role, url } = endpoint;
  const isKnown = typeof identifier === "string" && identifier.length <= 64 && typeof url === "string";
  // Credentials have no direction; some leave their role out.
  const side = role === "SENDER" || role === "RECEIVER" ? role : "RECEIVER";
  return isKnown && url.length <= urlMaxChars ? [{ identifier, role: side, url }] : [];
}
