// Whether a token may charge: registry policy, in the words of each version. What a roaming partner says in real time comes
// in as an answer to a question, and goes out as facts (rule F2).
import type { AllowedType } from "../../core/ports/ports.ts";
import { tokenKey, type TokenDoc } from "../../core/registry/entities.ts";
import type { Facts } from "../../core/records/frame-record.ts";
import type { Context, Fields, Question, Ruling, TokenAnswer, Use } from "./decision.ts";
import { textField } from "./decision.ts";

type Status = "accepted" | "blocked" | "expired" | "unknown" | "noCredit" | "notHere" | "unconfirmed";

export interface TokenRuling {
  readonly status: Status;
  readonly token: TokenDoc | undefined;
  readonly facts: Facts;
  readonly question?: Question;
  readonly spent?: string;
}

export function ruled(payload: object, { facts, question, spent }: TokenRuling): Ruling {
  return { payload, facts, question, spent };
}

/** Of a token that is only shown so far. */
export const shown: Use = { begins: false, evseId: undefined };

const whitelisted: Facts = { authMethod: "WHITELIST" };
const refused: Facts = {};
const unknownAccepted: Facts = { acceptedBecause: "unknownTokensAccepted" };
const noAuthorization: Facts = { acceptedBecause: "noAuthorization" };
const commanded: Facts = { authMethod: "COMMAND" };

/**
 * Letter case and padding of the reader's text do not matter (CiString, identifierString).
 * @param use undefined: it was used already (a stop, a message from an offline queue), and nobody's word would change that
 */
export function ruleOnToken(uid: string, context: Context, use: Use | undefined): TokenRuling {
  const token = context.lookups.token(uid.trim());
  if (token === undefined) {
    return context.lookups.acceptUnknownTokens
      ? { status: "accepted", token, facts: unknownAccepted }
      : { status: "unknown", token, facts: refused };
  }
  const kept = asKept(token, context.now);
  if (use === undefined || !wantsAsking(token)) return kept;
  const key = tokenKey(token.uid);
  const answer = context.answers?.of(key, use.begins);
  if (answer !== undefined) {
    const answered = withAnswer(kept, token, answer);
    return use.begins ? { ...answered, spent: key } : answered;
  }
  const silent = withAnswer(kept, token, nobody);
  return context.lookups.canAsk(token) ? { ...silent, question: { token, use } } : silent;
}

const nobody: TokenAnswer = { result: "noAnswer", why: "unasked" };

/** By what the registry has of it. */
function asKept(token: TokenDoc, now: number): TokenRuling {
  if (!token.valid) return { status: "blocked", token, facts: refused };
  const expiresAt = expiryOf(token);
  if (expiresAt !== undefined && expiresAt <= now) return { status: "expired", token, facts: refused };
  return { status: "accepted", token, facts: whitelisted };
}

/**
 * OCPI 2.2.1, WhitelistType: ALWAYS is never asked about; ALLOWED leaves it to us, and we do not; ALLOWED_OFFLINE and NEVER
 * are. A token that is known from a command alone was vouched for by that.
 */
function wantsAsking({ roaming, whitelist }: TokenDoc): boolean {
  return roaming?.by === "pushed" && (whitelist === "NEVER" || whitelist === "ALLOWED_OFFLINE");
}

const statusOf: Readonly<Record<AllowedType, Status>> = {
  ALLOWED: "accepted",
  BLOCKED: "blocked",
  EXPIRED: "expired",
  NO_CREDIT: "noCredit",
  NOT_ALLOWED: "notHere",
  UNKNOWN: "unknown",
};

function withAnswer(kept: TokenRuling, token: TokenDoc, answer: TokenAnswer): TokenRuling {
  switch (answer.result) {
    case "commanded":
      return kept.status === "accepted" ? { ...kept, facts: commanded } : kept;
    case "answered": {
      const { allowed, reference } = answer;
      const facts = {
        partnerAnswer: allowed,
        ...(reference === undefined ? {} : { authorizationReference: reference }),
      };
      const status = statusOf[allowed];
      return { status, token, facts: status === "accepted" ? { authMethod: "AUTH_REQUEST", ...facts } : facts };
    }
    case "noAnswer": {
      const facts = { partnerAnswer: answer.why };
      if (kept.status !== "accepted") return { ...kept, facts };
      if (token.whitelist === "NEVER") return { status: "unconfirmed", token, facts };
      return { ...kept, facts: { ...kept.facts, ...facts, acceptedBecause: "partnerSilent" } };
    }
  }
}

function expiryOf(token: TokenDoc): number | undefined {
  const at = token.expiresAt === undefined ? Number.NaN : Date.parse(token.expiresAt);
  return Number.isFinite(at) ? at : undefined;
}

/** 1.6 has no word for a driver who may charge elsewhere, or has no credit: "not allowed for charging" is Blocked (§7.2). */
const words16: Readonly<Record<Status, string>> = {
  accepted: "Accepted",
  blocked: "Blocked",
  expired: "Expired",
  unknown: "Invalid",
  noCredit: "Blocked",
  notHere: "Blocked",
  unconfirmed: "Invalid",
};
const words2x: Readonly<Record<Status, string>> = {
  accepted: "Accepted",
  blocked: "Blocked",
  expired: "Expired",
  unknown: "Unknown",
  noCredit: "NoCredit",
  notHere: "NotAtThisLocation",
  unconfirmed: "Invalid",
};

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
export function ruleOnIdToken(idToken: Fields, context: Context, use: Use | undefined): TokenRuling | undefined {
  // C02: no authorization required; the token's text is then empty.
  if (textField(idToken, "type") === "NoAuthorization") {
    return { status: "accepted", token: undefined, facts: noAuthorization };
  }
  const uid = textField(idToken, "idToken");
  return uid === undefined ? undefined : ruleOnToken(uid, context, use);
}
