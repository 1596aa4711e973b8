// Whether a token may charge: registry policy, in the words of each version. Real-time answers of roaming partners will
// come in as facts (core/ports/ports.ts, Authoriser).
import type { TokenDoc } from "../../core/registry/entities.ts";
import type { Facts } from "../../core/records/frame-record.ts";
import type { Context, Fields } from "./decision.ts";
import { textField } from "./decision.ts";

export interface TokenRuling {
  readonly status: "accepted" | "blocked" | "expired" | "unknown";
  readonly token: TokenDoc | undefined;
  readonly facts: Facts;
}

const whitelisted: Facts = { authMethod: "WHITELIST" };
const refused: Facts = {};
const unknownAccepted: Facts = { acceptedBecause: "unknownTokensAccepted" };
const noAuthorization: Facts = { acceptedBecause: "noAuthorization" };

/** Letter case and padding of the reader's text do not matter (CiString, identifierString). */
export function ruleOnToken(uid: string, context: Context): TokenRuling {
  const token = context.lookups.token(uid.trim());
  if (token === undefined) {
    return context.lookups.acceptUnknownTokens
      ? { status: "accepted", token, facts: unknownAccepted }
      : { status: "unknown", token, facts: refused };
  }
  if (!token.valid) return { status: "blocked", token, facts: refused };
  const expiresAt = expiryOf(token);
  if (expiresAt !== undefined && expiresAt <= context.now) return { status: "expired", token, facts: refused };
  return { status: "accepted", token, facts: whitelisted };
}

function expiryOf(token: TokenDoc): number | undefined {
  const at = token.expiresAt === undefined ? Number.NaN : Date.parse(token.expiresAt);
  return Number.isFinite(at) ? at : undefined;
}

const words16 = { accepted: "Accepted", blocked: "Blocked", expired: "Expired", unknown: "Invalid" } as const;
const words2x = { accepted: "Accepted", blocked: "Blocked", expired: "Expired", unknown: "Unknown" } as const;

const longestParentIdTag = 20;
const longestIdToken201 = 36;

/** 1.6 IdTagInfo; absent optionals are left out. */
export function idTagInfo({ status, token }: TokenRuling): object {
  const expiry = token && expiryOf(token);
  const parent = token?.groupId;
  return {
    status: words16[status],
    ...(expiry === undefined ? {} : { expiryDate: new Date(expiry).toISOString() }),
    // A group that does not fit would make the whole answer invalid.
    ...(parent && parent.length <= longestParentIdTag ? { parentIdTag: parent } : {}),
  };
}

/** 2.x IdTokenInfo; absent optionals are left out: neither null nor {} nor []. */
export function idTokenInfo({ status, token }: TokenRuling): object {
  const expiry = token && expiryOf(token);
  const group = token?.groupId;
  return {
    status: words2x[status],
    ...(expiry === undefined ? {} : { cacheExpiryDateTime: new Date(expiry).toISOString() }),
    ...(group && group.length <= longestIdToken201 ? { groupIdToken: { idToken: group, type: "Central" } } : {}),
  };
}

/** @param idToken 2.x IdTokenType; undefined where it has no readable `idToken`. */
export function ruleOnIdToken(idToken: Fields, context: Context): TokenRuling | undefined {
  // C02: no authorization required; the token's text is then empty.
  if (textField(idToken, "type") === "NoAuthorization") {
    return { status: "accepted", token: undefined, facts: noAuthorization };
  }
  const uid = textField(idToken, "idToken");
  return uid === undefined ? undefined : ruleOnToken(uid, context);
}
