// What an answer to a push means (2.2.1, Status codes): taken, refused for good, or to be tried again. Pure.
import { createHash } from "node:crypto";

import type { OutboundAnswer } from "../../../core/outbound/outbound.ts";
import type { PartnerRole } from "../../../core/registry/entities.ts";
import { isSameParty } from "../partners.ts";
import { isMembers, same } from "../values.ts";

export type Verdict =
  | {
      readonly kind: "delivered";
      /** It said that it had it already. */ readonly isRepeat: boolean;
      readonly location: string | null;
    }
  /** The same again would be refused again. */
  | { readonly kind: "refused"; readonly why: string; readonly isAbsent: boolean }
  | { readonly kind: "failed"; readonly why: string; /** With an answer: it lives. */ readonly isAnswered: boolean };

/** HTTP's own: the request may be good at another time. */
const laterHttp: ReadonlySet<number> = new Set([401, 403, 408, 421, 425, 429]);
/** Of a hub: time-out, connection problem. */
const laterStatus: ReadonlySet<number> = new Set([4002, 4003]);
const exists = /\b(already|exists?|duplicate)\b/i;
const locationMaxChars = 2_048;

export interface Ends {
  /** Whose answer it must be. */
  readonly roles: readonly PartnerRole[];
  /** To whom. */
  readonly own: { readonly country_code: string; readonly party_id: string };
}

export function verdictOf(answer: OutboundAnswer, ends: Ends): Verdict {
  if (answer.result !== "answered")
    return { kind: "failed", why: `${answer.result}: ${answer.why}`, isAnswered: false };
  const { status: http, headers } = answer;
  const stranger = strangerIn(headers, ends);
  if (stranger !== undefined) return later(`answered by or for another party: ${stranger}`);
  if (http >= 300 && http < 400) return later(`HTTP ${http}, and no redirect is followed`);
  if (http >= 500 || laterHttp.has(http)) return later(`HTTP ${http}`);
  const envelope = envelopeIn(answer.body);
  const status = envelope?.["status_code"];
  const message = typeof envelope?.["status_message"] === "string" ? envelope["status_message"].slice(0, 200) : "";
  const isExisting =
    http === 409 || (typeof status === "number" && status >= 2000 && status < 3000 && exists.test(message));
  if (isExisting) return { kind: "delivered", isRepeat: true, location: locationIn(headers) };
  if (typeof status !== "number") {
    return http < 300 ? later(`HTTP ${http} without an OCPI answer`) : refusal(`HTTP ${http}`, http, undefined);
  }
  const why = `HTTP ${http}, status ${status}${message === "" ? "" : `: ${message}`}`;
  if (http < 300 && status >= 1000 && status < 2000) {
    return { kind: "delivered", isRepeat: false, location: locationIn(headers) };
  }
  if ((status >= 3000 && status < 4000) || laterStatus.has(status)) return later(why);
  return refusal(why, http, status);
}

function later(why: string): Verdict {
  return { kind: "failed", why, isAnswered: true };
}

function refusal(why: string, http: number, status: number | undefined): Verdict {
  return { kind: "refused", why, isAbsent: http === 404 || status === 2003 };
}

/** Routing headers are the answer's word for who speaks; where they are absent nobody said anything else. */
export function strangerIn(headers: Headers, { roles, own }: Ends): string | undefined {
  const party = (end: "from" | "to") => {
    const countryCode = headers.get(`ocpi-${end}-country-code`);
    const partyId = headers.get(`ocpi-${end}-party-id`);
    return countryCode && partyId ? { countryCode, partyId } : undefined;
  };
  const [from, to] = [party("from"), party("to")];
  const isHub = roles.some(({ role }) => role === "HUB");
  if (from && !isHub && !roles.some((role) => isSameParty(role, from)))
    return `${from.countryCode}-${from.partyId}`.slice(0, 40);
  const isOurs = !to || (same(to.countryCode, own.country_code) && same(to.partyId, own.party_id));
  return isOurs ? undefined : `${to.countryCode}-${to.partyId}`.slice(0, 40);
}

function locationIn(headers: Headers): string | null {
  const location = headers.get("location");
  return location !== null && location.length <= locationMaxChars && URL.canParse(location) ? location : null;
}

/** undefined: it is no object in JSON. */
export function envelopeIn(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isMembers(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** Of what was sent, as proof. */
export function digestOf(body: string): string {
  return createHash("sha256").update(body, "utf8").digest("hex");
}
