// What is sent for a mark: made when it is sent, from what is true then, but for CDRs, whose bytes are kept from the first try on.
import type { PartyId } from "../../../core/ids/ids.ts";
import { findCdr } from "../cdrs.ts";
import type { OcpiView } from "../call.ts";
import type { PartyName } from "../hub-parties.ts";
import { showLocations } from "../locations.ts";
import { showSessions } from "../sessions.ts";
import { isMembers, type Members } from "../values.ts";
import { appendsPeriods } from "../versions/bills.ts";
import { tariffIn } from "../versions/tariffs.ts";
import { evseObject, locationOfEvse, type ObjectKind } from "./marks.ts";
import type { Waiting as WaitingFor } from "./outbox.ts";
import { sessionPush, type ToldSession } from "./session-push.ts";

export interface PushRequest {
  readonly method: "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: string;
  /** JSON. */
  readonly body?: string;
  /** What is kept of it once it was taken; null: nothing. */
  readonly told: string | null;
  /** Of a session or CDR: the party whose token it was. */
  readonly to?: PartyName;
  /** Of a PATCH: all of the object, for a partner that does not have it (2.2.1, Client owned object push). */
  readonly whole?: PushRequest;
}

export type Content =
  | PushRequest
  /** There is nothing to tell (any more). */
  | "nothing"
  /** There is, and it cannot be told: why. */
  | { readonly withheld: string }
  /** It is found out: in so many ms, and what is known by then. */
  | { readonly later: number; readonly told: string };

type Waiting = WaitingFor<Exclude<ObjectKind, "profiles">>;
type Make = (view: OcpiView, receiver: string, waiting: Waiting) => Promise<Content>;

/** @param receiver address of the partner's module, without a slash at the end */
export function contentOf(view: OcpiView, receiver: string, waiting: Waiting): Promise<Content> {
  return contents[waiting.kind](view, receiver, waiting);
}

const contents: Readonly<Record<Waiting["kind"], Make>> = {
  locations: location,
  evses: evseStatus,
  tariffs: tariff,
  sessions: session,
  cdrs: cdr,
};

async function location(view: OcpiView, receiver: string, { object: id }: Waiting): Promise<Content> {
  const shown = (await showLocations(view, [id])).get(id);
  if (!shown) return "nothing";
  const url = `${receiver}/${ownParty(view)}/${encodeURIComponent(id)}`;
  return { method: "PUT", url, body: JSON.stringify(shown.object), told: null };
}

async function evseStatus(view: OcpiView, receiver: string, { object }: Waiting): Promise<Content> {
  const id = locationOfEvse(object);
  const shown = (await showLocations(view, [id])).get(id);
  const evses = Array.isArray(shown?.object["evses"]) ? shown.object["evses"].filter(isMembers) : [];
  const evse = evses.find(({ uid }) => evseObject(id, String(uid)) === object);
  if (!shown || !evse) return "nothing";
  const base = `${receiver}/${ownParty(view)}`;
  const whole = {
    method: "PUT",
    url: `${base}/${encodeURIComponent(id)}`,
    body: JSON.stringify(shown.object),
    told: null,
  } as const;
  return {
    method: "PATCH",
    url: `${base}/${object}`,
    body: statusBody(evse),
    told: null,
    whole,
  };
}

/** Of a PATCH that tells no more than the status. */
export function statusBody({ status, last_updated }: Members): string {
  return JSON.stringify({ status, last_updated });
}

/** Of a status that is known already. @param object location and EVSE, as in an address */
export function statusUrl(party: PartyId, receiver: string, object: string): string {
  return `${receiver}/${ownParty({ party })}/${object}`;
}

async function tariff(view: OcpiView, receiver: string, { object: id }: Waiting): Promise<Content> {
  const { registry } = view.context;
  const last = registry.versions(view.party, "tariff", id).at(-1);
  const url = `${receiver}/${ownParty(view)}/${encodeURIComponent(id)}`;
  const found = registry.find(view.party, "tariff", id);
  if (!last) return "nothing";
  if (!found) return { method: "DELETE", url, told: null };
  const shown = tariffIn[view.version]({ doc: found.doc, party: view.party, changedAt: last.logTime });
  if (!shown) return { withheld: `OCPI ${view.version} cannot say its price` };
  return { method: "PUT", url, body: JSON.stringify(shown), told: null };
}

async function session(view: OcpiView, receiver: string, { object: id, attempts, told }: Waiting): Promise<Content> {
  const [shown] = await showSessions(view, [id]);
  if (!shown) return { withheld: "no location has its station, or its token is another partner's" };
  // An attempt whose answer never came may have arrived.
  const isKnown = attempts === 0 && told !== null && appendsPeriods[view.version];
  const known = isKnown ? (JSON.parse(told) as ToldSession) : undefined;
  const url = `${receiver}/${ownParty(view)}/${encodeURIComponent(id)}`;
  const request = { ...requestOf(url, shown, known), ...ownerIn(shown) };
  return request.method === "PATCH"
    ? { ...request, whole: { ...requestOf(url, shown, undefined), ...ownerIn(shown) } }
    : request;
}

function requestOf(url: string, shown: Members, known: ToldSession | undefined): PushRequest {
  const { method, body, told } = sessionPush(shown, known);
  const isOver = shown["status"] !== "ACTIVE";
  return { method, url, body: JSON.stringify(body), told: isOver ? null : JSON.stringify(told) };
}

async function cdr(view: OcpiView, receiver: string, { object: id, body, deliveredAt }: Waiting): Promise<Content> {
  if (deliveredAt !== null) return "nothing";
  if (body !== null)
    return { method: "POST", url: receiver, body, told: null, ...ownerIn(JSON.parse(body) as Members) };
  const shown = await findCdr(view, id);
  if (!shown) return { withheld: "its price is not known, or OCPI needs more of its location than the registry has" };
  return { method: "POST", url: receiver, body: JSON.stringify(shown), told: null, ...ownerIn(shown) };
}

function ownerIn({ cdr_token: token }: Members): { readonly to?: PartyName } {
  if (!isMembers(token)) return {};
  return { to: { countryCode: String(token["country_code"]), partyId: String(token["party_id"]) } };
}

/** Country code and party id, as paths of 2.2.1 have them. */
function ownParty({ party }: Pick<OcpiView, "party">): string {
  return `${party.slice(0, 2)}/${party.slice(2)}`;
}
