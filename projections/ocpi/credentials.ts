// The credentials module: registering, rotating tokens, changing the version, unregistering (2.2.1, Credentials). Token A lets a
// partner in, B is what it gave us, C is what it presents from then on; A is dead once C was given. The version in force is that
// of the address to which the last POST or PUT went.
import type { PartnerDoc } from "../../core/registry/entities.ts";
import { Problem } from "../rest/problems.ts";
import type { OcpiCall, OcpiHandler } from "./call.ts";
import { invalid, OcpiError, statusCodes, type OcpiAnswer } from "./envelope.ts";
import { lookUp } from "./handshake.ts";
import { isSameParty, principalOf, versionsPath, type Partners } from "./partners.ts";
import { parseCredentials, showCredentials, type CredentialsObject } from "./versions/credentials.ts";
import { versionsFor } from "./versions/version.ts";

export const getCredentials: OcpiHandler = (call) => Promise.resolve({ data: ours(call, call.presented) });

export const postCredentials: OcpiHandler = async (call) => {
  if (call.partner.doc.state === "registered") throw wrongState("You are registered already; PUT changes it.");
  return exchange(call);
};

export const putCredentials: OcpiHandler = async (call) => {
  if (call.partner.doc.state !== "registered") throw wrongState("You are not registered yet; POST does that.");
  return exchange(call);
};

export const deleteCredentials: OcpiHandler = async (call) => {
  const { partner, services } = call;
  if (partner.doc.state !== "registered") throw wrongState("You are not registered.");
  await written(call, unregistered(partner.doc), services.partners);
  return {};
};

/** Nothing that was exchanged is good any more; who it was stays known. */
export function unregistered({ id, roles, rawTokens, allowedHosts, onlyVersion }: PartnerDoc): PartnerDoc {
  return {
    id,
    roles,
    state: "unregistered",
    ...(rawTokens === undefined ? {} : { rawTokens }),
    ...(allowedHosts && { allowedHosts }),
    ...(onlyVersion && { onlyVersion }),
  };
}

async function exchange(call: OcpiCall): Promise<OcpiAnswer> {
  const { partner, party, services, version } = call;
  const { partners, outbound, peers } = services;
  const { doc } = partner;
  if (!versionsFor(doc).includes(version)) {
    throw new OcpiError(statusCodes.unsupportedVersion, `Our operator holds you to OCPI ${doc.onlyVersion}.`);
  }
  const theirs = parseCredentials(version, call.body, doc.roles);
  requireOwnParties(call, theirs);
  const refusal = outbound.refusal(theirs.url, doc.allowedHosts ?? []);
  if (refusal !== undefined) throw invalid(`url is not an address that is called: ${refusal}.`);
  const { peer } = await lookUp(peers, { doc, token: theirs.token }, theirs.url, [version]);
  const { token, sha256 } = partners.issue();
  const { tokenA: _dead, nextTokenSha256: _never, ...kept } = doc;
  const sealedToken = partners.seal(party, doc.id, "token", theirs.token);
  await written(
    call,
    { ...kept, roles: theirs.roles, state: "registered", tokenSha256: sha256, peer: { ...peer, sealedToken } },
    partners,
  );
  return { data: ours(call, token) };
}

/**
 * A platform may act for more parties than were agreed on, for none that another partner acts for, and not for others
 * than those that the operator added it as; later it may give some of them up.
 */
function requireOwnParties({ partner, party, services }: OcpiCall, { roles }: CredentialsObject): void {
  const { doc } = partner;
  const missing = doc.roles.filter((agreed) => !roles.some((role) => isSameParty(role, agreed)));
  const isOther = doc.state === "registered" ? missing.length === doc.roles.length : missing.length > 0;
  if (isOther && missing[0]) {
    throw invalid(`roles must have ${missing[0].countryCode} ${missing[0].partyId}, as which you were added.`);
  }
  if (services.partners.alsoOf(party, doc.id, roles)) {
    throw invalid("roles has a party that another partner acts for.");
  }
}

/** Two requests at once: log order says who was first, the other finds a state that is not its own any more. */
async function written(call: OcpiCall, doc: PartnerDoc, partners: Partners): Promise<void> {
  const { partner, party } = call;
  try {
    await partners.write(party, doc, doc.id, partner.version, principalOf(partner));
  } catch (error) {
    if (!(error instanceof Problem) || error.kind !== "version-conflict") throw error;
    throw wrongState("Your registration changed at the same time.");
  }
}

function wrongState(message: string): OcpiError {
  return new OcpiError(statusCodes.clientError, message, { http: 405 });
}

function ours({ party, version, services: { partners } }: OcpiCall, token: string): object {
  return showCredentials(version, { token, url: `${partners.url}${versionsPath}`, roles: partners.ownRoles(party) });
}
