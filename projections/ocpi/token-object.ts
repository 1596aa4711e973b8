// OCPI's Token object (2.2.1 and 2.3.0, Tokens): what a partner may push, and what the registry keeps of it. Other versions' are
// brought into these words first (`versions/tokens.ts`).
import { createHash } from "node:crypto";

import type { RoamingToken, TokenDoc } from "../../core/registry/entities.ts";
import { invalid } from "./envelope.ts";
import { isMembers, optionalTextIn, textIn, timeIn, withoutNulls, type Members } from "./values.ts";
import { tokenTypeIn } from "./versions/tokens.ts";
import type { OcpiVersion } from "./versions/version.ts";

const types = ["AD_HOC_USER", "APP_USER", "EMAID", "OTHER", "RFID"] as const;
const whitelists = ["ALWAYS", "ALLOWED", "ALLOWED_OFFLINE", "NEVER"] as const;
export type OcpiTokenType = (typeof types)[number];

export interface OcpiToken {
  readonly countryCode: string;
  readonly partyId: string;
  readonly uid: string;
  readonly type: OcpiTokenType;
  readonly contractId: string;
  readonly valid: boolean;
  readonly whitelist: (typeof whitelists)[number];
  readonly groupId: string | undefined;
  /** As it came, without nulls. */
  readonly members: Members;
}

/** @throws OcpiError 2001 */
export function parseToken(body: unknown): OcpiToken {
  if (!isMembers(body)) throw invalid("A Token object is needed.");
  const members = withoutNulls(body) as Members;
  const { type, whitelist, valid } = members;
  const knownType = types.find((known) => known === type);
  if (!knownType) throw invalid(`type must be one of ${types.join(", ")}.`);
  const knownList = whitelists.find((known) => known === whitelist);
  if (!knownList) throw invalid(`whitelist must be one of ${whitelists.join(", ")}.`);
  if (typeof valid !== "boolean") throw invalid("valid must be true or false.");
  timeIn(members, "last_updated");
  textIn(members, "issuer", 64);
  optionalTextIn(members, "visual_number", 64);
  optionalTextIn(members, "language", 2);
  return {
    countryCode: textIn(members, "country_code", 2),
    partyId: textIn(members, "party_id", 3),
    uid: textIn(members, "uid", 36),
    type: knownType,
    contractId: textIn(members, "contract_id", 36),
    valid,
    whitelist: knownList,
    groupId: optionalTextIn(members, "group_id", 36),
    members,
  };
}

/** @returns undefined where it is none of OCPI's. */
export function parseTokenType(text: unknown): OcpiTokenType | undefined {
  return types.find((known) => known === (text ?? "RFID"));
}

/** @param uid what stations know it by, where that is not its own. */
export function tokenDocOf(token: OcpiToken, roaming: Omit<RoamingToken, "token">, uid = token.uid): TokenDoc {
  const { type, contractId, valid, whitelist, groupId } = token;
  return {
    uid,
    type,
    contractId,
    valid,
    whitelist,
    ...(groupId === undefined ? {} : { groupId }),
    roaming: { ...roaming, token: token.members },
  };
}

const idTagMaxChars = 20;

/** An idTag of 1.6 has at most 20 characters, tokens of apps are longer: then a name of our own, always the same. */
export function idTagOf(uid: string, protocol: string): string {
  if (protocol !== "ocpp1.6" || uid.length <= idTagMaxChars) return uid;
  return createHash("sha256").update(uid.toLowerCase()).digest("hex").slice(0, idTagMaxChars).toUpperCase();
}

export function cdrTokenOf(doc: TokenDoc, party: string, version: OcpiVersion): Members {
  const token = doc.roaming?.token ?? {};
  return {
    country_code: token["country_code"] ?? party.slice(0, 2),
    party_id: token["party_id"] ?? party.slice(2),
    uid: token["uid"] ?? doc.uid,
    type: tokenTypeIn(version, doc.type),
    contract_id: doc.contractId,
  };
}
