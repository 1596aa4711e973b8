// What sessions and CDRs have in common: whose token it was, how it was authorised, where it was (2.2.1, Sessions, CDRs).
import type { PartyId } from "../../core/ids/ids.ts";
import type { CommandOrigin } from "../../core/records/frame-record.ts";
import { tokenKey, type TokenDoc } from "../../core/registry/entities.ts";
import type { ApiOptions } from "../rest/context.ts";
import type { Partner } from "./partners.ts";
import { docAtTime, type Place } from "./places.ts";
import { reservationOf } from "./reservation-facts.ts";
import { pick, words, type Members } from "./values.ts";

/** The token as it was then; a session goes to its owner alone. undefined: it is not this partner's. */
export function tokenAtTime(
  { registry }: Pick<ApiOptions, "registry">,
  { party, doc: { id } }: Partner,
  idToken: string | null,
  ms: number,
): TokenDoc | undefined {
  if (idToken === null) return undefined;
  const doc = docAtTime(registry, party, "token", tokenKey(idToken), ms) as TokenDoc | undefined;
  return doc?.roaming?.partner === id ? doc : undefined;
}

export interface Authorisation {
  readonly auth_method: "AUTH_REQUEST" | "COMMAND" | "WHITELIST";
  readonly authorization_reference?: string;
}

interface AuthorisedSession {
  readonly id: string;
  readonly station: string;
  readonly idToken: string | null;
}

type Needs = Pick<ApiOptions, "store" | "registry">;

/**
 * How it was started; of the references that the partner gave the last one: a reservation is made before its start, so what was
 * given for that goes before (2.2.1, Session object, authorization_reference).
 */
export async function authorisationOf(
  needs: Needs,
  party: PartyId,
  session: AuthorisedSession,
): Promise<Authorisation> {
  const started = await startOf(needs, party, session);
  if (started.authorization_reference !== undefined) return started;
  const reserved = await reservationOf(needs, party, session);
  if (!reserved) return started;
  const { isUsed, reference } = reserved;
  const by = isUsed ? started : ({ auth_method: "COMMAND" } as const);
  return { ...by, ...(reference === undefined ? {} : { authorization_reference: reference }) };
}

/** What the partner said in real time, as the fold had it from the station's message; else a command; else its list. */
async function startOf(needs: Needs, party: PartyId, session: AuthorisedSession): Promise<Authorisation> {
  const asked = await needs.store.reader
    .selectFrom("live_station_document")
    .select("document")
    .where("party", "=", party)
    .where("station", "=", session.station)
    .where("collection", "=", "authorisations")
    .where("key", "=", session.id)
    .executeTakeFirst();
  if (!asked?.document) return commandOf(needs, party, session);
  const { reference } = JSON.parse(asked.document) as { readonly reference: string | null };
  return { auth_method: "AUTH_REQUEST", ...(reference === null ? {} : { authorization_reference: reference }) };
}

/** A remote start that a station accepted is joined to its session by the fold (`commandEffects`). */
async function commandOf(
  { store, registry }: Needs,
  party: PartyId,
  session: AuthorisedSession,
): Promise<Authorisation> {
  const effect = await store.reader
    .selectFrom("live_station_document")
    .select("key")
    .where("party", "=", party)
    .where("station", "=", session.station)
    .where("collection", "=", "commandEffects")
    .where("document", "like", `%"sessionId":"${session.id}"%`)
    .limit(1)
    .executeTakeFirst();
  if (!effect) return { auth_method: "WHITELIST" };
  const command = await store.reader
    .selectFrom("live_command")
    .select(["requested_at", "origin"])
    .where("party", "=", party)
    .where("id", "=", effect.key)
    .executeTakeFirst();
  const reply = command && (JSON.parse(command.origin) as CommandOrigin).reply;
  // Before commands had it themselves it was written with the token, just before the command was requested.
  const token =
    command && !reply && session.idToken !== null
      ? (docAtTime(registry, party, "token", tokenKey(session.idToken), command.requested_at) as TokenDoc | undefined)
      : undefined;
  const reference = reply?.reference ?? token?.roaming?.reference;
  return { auth_method: "COMMAND", ...(reference === undefined ? {} : { authorization_reference: reference }) };
}

/** Of a CDR: the location as it was, cut to what a bill needs. undefined: OCPI cannot say where it was. */
export function cdrLocation({ location, evse, connector }: Place): Members | undefined {
  const where = pick(location, words("name address city postal_code state country coordinates"));
  const needed = ["address", "city", "country", "coordinates"].every((name) => where[name] !== undefined);
  const { standard, format, power_type: powerType } = connector;
  if (!needed || !standard || !format || !powerType) return undefined;
  return {
    id: location.id,
    ...where,
    evse_uid: evse.uid,
    // Required, and stations need not have one of the eMI3 form.
    evse_id: evse["evse_id"] ?? "#NA",
    connector_id: connector.id,
    connector_standard: standard,
    connector_format: format,
    connector_power_type: powerType,
  };
}
