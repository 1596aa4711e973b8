// Receiver interface of tokens (2.2.1, Tokens): a partner's tokens become tokens of the registry, which stations' requests are
// answered from.
import { tokenKey, type TokenDoc } from "../../core/registry/entities.ts";
import { mergePatch } from "../rest/registry-writer.ts";
import type { OcpiCall, OcpiHandler } from "./call.ts";
import { invalid, notFound, statusCodes, type OcpiAnswer } from "./envelope.ts";
import { actsFor } from "./partners.ts";
import { parseToken, parseTokenType, type OcpiToken } from "./token-object.ts";
import { isOf, storeToken } from "./token-store.ts";
import { isMembers, same, timeIn, utc } from "./values.ts";
import { readToken, readTokenPatch, tokenIn } from "./versions/tokens.ts";

export const getToken: OcpiHandler = (call) => {
  const { doc } = owned(call);
  return Promise.resolve({ data: tokenIn(call.version, doc.roaming!.token) });
};

export const putToken: OcpiHandler = async (call) => {
  const { country = "", party = "" } = call.params;
  const owner = { countryCode: country.toUpperCase(), partyId: party.toUpperCase() };
  const token = parseToken(readToken(call.version, call.body, owner));
  requirePath(call, token);
  return store(call, token);
};

export const patchToken: OcpiHandler = async (call) => {
  if (!isMembers(call.body)) throw invalid("An object is needed.");
  const patch = readTokenPatch(call.version, call.body, utc(call.context.clock.now()));
  timeIn(patch, "last_updated");
  const { doc } = owned(call);
  const token = parseToken(mergePatch(doc.roaming!.token, patch));
  requirePath(call, token);
  return store(call, token);
};

/** Path and body name the same token, of a party that the partner acts for. @throws OcpiError */
function requirePath(call: OcpiCall, token: OcpiToken): void {
  const { country = "", party = "", uid = "" } = call.params;
  requireOwnParty(call);
  if (!same(token.countryCode, country) || !same(token.partyId, party)) {
    throw invalid("country_code and party_id of the body must be those of the path.");
  }
  if (!same(token.uid, uid)) throw invalid("uid of the body must be that of the path.");
  if (token.type !== typeOf(call))
    throw invalid("type of the body must be that of the address (RFID where it has none).");
}

function requireOwnParty({ params: { country = "", party = "" }, context, partner }: OcpiCall): void {
  if (!actsFor(context.registry, partner, country, party)) throw notFound("You do not act for this party.");
}

function typeOf({ query }: OcpiCall) {
  const type = parseTokenType(query["type"]);
  if (!type) throw invalid("type is none of OCPI's token types.");
  return type;
}

/** @throws OcpiError 404 with 2004: not known, or not the partner's, which is the same to it. */
function owned(call: OcpiCall): { readonly doc: TokenDoc; readonly version: number } {
  requireOwnParty(call);
  const { country = "", party = "", uid = "" } = call.params;
  const type = typeOf(call);
  const found = call.context.registry.find(call.party, "token", tokenKey(uid));
  const roaming = found?.doc.roaming;
  const isOwn = roaming?.by === "pushed" && roaming.partner === call.partner.doc.id && found?.doc.type === type;
  if (!found || !isOwn || !isOf(roaming.token, country, party)) {
    throw notFound("There is no such token.", statusCodes.unknownToken);
  }
  return found;
}

async function store(call: OcpiCall, token: OcpiToken): Promise<OcpiAnswer> {
  return { http: (await storeToken(call.context, call.partner, token)) === "new" ? 201 : 200 };
}
