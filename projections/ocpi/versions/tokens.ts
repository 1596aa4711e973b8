// Tokens, commands and their results as each version has them; the registry keeps tokens in the words of 2.2.1 and 2.3.0. Pure.
import type { PartnerDoc, PartnerRole } from "../../../core/registry/entities.ts";
import { invalid } from "../envelope.ts";
import { isMembers, textIn, type Members } from "../values.ts";
import type { OcpiVersion } from "./version.ts";

type Owner = Pick<PartnerRole, "countryCode" | "partyId">;

/** In whose name a partner gives tokens of a version that does not say it. */
export function ownerOf({ roles }: Pick<PartnerDoc, "roles">): Owner {
  return roles.find(({ role }) => role === "EMSP") ?? roles[0] ?? { countryCode: "", partyId: "" };
}

/**
 * @param owner of a token of 2.1.1, which does not name it
 * @returns a Token of 2.2.1 or 2.3.0, still to be looked at
 * @throws OcpiError 2001
 */
export function readToken(version: OcpiVersion, body: unknown, { countryCode, partyId }: Owner): unknown {
  if (!isMembers(body)) return body;
  if (version !== "2.3.0" && body["type"] === "EMAID") throw invalid("type EMAID is one of OCPI 2.3.0.");
  if (version !== "2.1.1") return body;
  const { auth_id: _id, ...token } = body;
  return { ...token, country_code: countryCode, party_id: partyId, contract_id: textIn(body, "auth_id", 36) };
}

/** What a PATCH names. 2.1.1 lets it leave out when that was. @param now UTC */
export function readTokenPatch(version: OcpiVersion, patch: Members, now: string): Members {
  if (version !== "2.1.1") return patch;
  const { auth_id: id, ...rest } = patch;
  return { last_updated: now, ...rest, ...(id === undefined ? {} : { contract_id: id }) };
}

const tokenFields211 = ["uid", "visual_number", "issuer", "valid", "whitelist", "language", "last_updated"] as const;

export function tokenIn(version: OcpiVersion, token: Members): Members {
  const type = tokenTypeIn(version, String(token["type"]));
  if (version !== "2.1.1") return { ...token, type };
  const kept = tokenFields211.flatMap((name) => (token[name] === undefined ? [] : [[name, token[name]]]));
  return { type, auth_id: token["contract_id"], ...(Object.fromEntries(kept) as Members) };
}

/** Closed lists of two and of four before 2.3.0. */
export function tokenTypeIn(version: OcpiVersion, type: string): string {
  if (version === "2.3.0") return type;
  if (version === "2.2.1") return type === "EMAID" ? "OTHER" : type;
  return type === "RFID" ? type : "OTHER";
}

/** CommandResponse: in 2.1.1 no more than its result. */
export function commandResponseIn(
  version: OcpiVersion,
  result: string,
  timeout: number,
  sentence: string | undefined,
): Members {
  if (version === "2.1.1") return { result };
  return { result, timeout, ...(sentence === undefined ? {} : { message: [{ language: "en", text: sentence }] }) };
}

/** 2.1.1 cannot cancel a reservation. */
export function hasCommand(version: OcpiVersion, command: string): boolean {
  return version !== "2.1.1" || command !== "CANCEL_RESERVATION";
}

/** `reservation_id` is a number in 2.1.1. */
export function readReservation(version: OcpiVersion, body: Members): Members {
  const id = body["reservation_id"];
  return version === "2.1.1" && Number.isSafeInteger(id) ? { ...body, reservation_id: String(id) } : body;
}

const oldResults: ReadonlySet<unknown> = new Set([
  "ACCEPTED",
  "NOT_SUPPORTED",
  "REJECTED",
  "TIMEOUT",
  "UNKNOWN_SESSION",
]);

/** CommandResult, which in 2.1.1 is a CommandResponse: whatever else went wrong was rejected. */
export function commandResultIn(version: OcpiVersion, body: Members): Members {
  if (version !== "2.1.1") return body;
  return { result: oldResults.has(body["result"]) ? body["result"] : "REJECTED" };
}
