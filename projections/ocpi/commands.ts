// Receiver interface of commands (2.2.1, Commands): answered at once, carried out by the station's own protocol, the result
// POSTed later.
import { randomInt } from "node:crypto";

import { trusted, type StationId } from "../../core/ids/ids.ts";
import type { Protocol } from "../../core/records/frame-record.ts";
import { tokenKey, type LocationDoc, type TokenDoc } from "../../core/registry/entities.ts";
import { asProtocol } from "../rest/command-check.ts";
import { writeEntity } from "../rest/registry-writer.ts";
import type { OcpiCall, OcpiHandler } from "./call.ts";
import {
  cancelCommand,
  commandNames,
  reservationNumber,
  reserveCommand,
  startCommand,
  stopCommand,
  unlockCommand,
  type CommandName,
  type StationCommand,
  type Target,
} from "./command-requests.ts";
import { commandTimeoutSeconds, isUnsendable, throughHub } from "./command-orders.ts";
import { invalid, notFound, OcpiError, statusCodes, type OcpiAnswer } from "./envelope.ts";
import { locationId } from "./locations.ts";
import { actsFor, principalOf } from "./partners.ts";
import { connectorKey } from "./places.ts";
import { ownSession } from "./sessions.ts";
import { idTagOf, parseToken, tokenDocOf, type OcpiToken } from "./token-object.ts";
import { isOwnOrLeft } from "./token-store.ts";
import { isMembers, optionalTextIn, same, textIn, timeIn, utc, type Members } from "./values.ts";
import { commandResponseIn, hasCommand, ownerOf, readReservation, readToken } from "./versions/tokens.ts";
import type { OcpiVersion } from "./versions/version.ts";

type CommandResponse = "NOT_SUPPORTED" | "REJECTED" | "ACCEPTED" | "UNKNOWN_SESSION";

/** A command that ends here: its answer is OCPI's own and needs no result. */
class Refused extends Error {
  override readonly name = "Refused";
  readonly result: CommandResponse;

  constructor(result: CommandResponse, sentence: string) {
    super(sentence);
    this.result = result;
  }
}

interface Prepared {
  readonly station: StationId;
  readonly request: StationCommand;
  readonly reference?: string | undefined;
}

type Prepare = (call: OcpiCall, body: Members) => Promise<Prepared>;

const prepare: Readonly<Record<CommandName, Prepare>> = {
  START_SESSION: start,
  STOP_SESSION: stop,
  RESERVE_NOW: reserve,
  CANCEL_RESERVATION: cancel,
  UNLOCK_CONNECTOR: unlock,
};

export const postCommand: OcpiHandler = async (call) => {
  const { body, params, partner, services, version } = call;
  const command = commandNames.find((known) => known === params["command"]);
  if (!command || !hasCommand(version, command)) throw notFound("There is no such command.");
  if (!isMembers(body)) throw invalid("An object is needed.");
  const responseUrl = textIn(body, "response_url", 255);
  const refusal = services.outbound.refusal(responseUrl, partner.doc.allowedHosts ?? []);
  if (refusal !== undefined) throw invalid(`response_url is not an address that is called: ${refusal}.`);
  try {
    const { reference, ...what } = await prepare[command](call, body);
    const given = { ...(reference === undefined ? {} : { reference }), ...throughHub(call) };
    const reply = { of: command, url: responseUrl, correlationId: call.correlationId, ...given };
    if (await services.orders.order({ partner, reply, ...what })) return answer(version, "ACCEPTED");
    return answer(version, "REJECTED", "Too many of your commands wait for their results.");
  } catch (error) {
    if (error instanceof Refused) return answer(version, error.result, error.message);
    if (isUnsendable(error)) return answer(version, "REJECTED", error.message);
    throw error;
  }
};

function answer(version: OcpiVersion, result: CommandResponse, sentence?: string): OcpiAnswer {
  const timeout = result === "ACCEPTED" ? commandTimeoutSeconds : 0;
  return { data: commandResponseIn(version, result, timeout, sentence) };
}

/** What a body names: a location of ours, an EVSE of it, a connector of that. */
interface Named {
  readonly station: StationId;
  readonly target: Target;
  readonly protocol: Protocol;
}

async function start(call: OcpiCall, body: Members): Promise<Prepared> {
  const token = ownToken(call, body);
  const reference = optionalTextIn(body, "authorization_reference", 36);
  const { station, target, protocol } = await named(call, body);
  await knowToken(call, token, protocol, reference);
  return { station, reference, request: startCommand(protocol, token, target, randomInt(1, 2 ** 31)) };
}

async function stop(call: OcpiCall, body: Members): Promise<Prepared> {
  const session = await ownSession(call, textIn(body, "session_id", 36));
  if (!session) throw new Refused("UNKNOWN_SESSION", "There is no such session of yours.");
  if (session.status !== "active") throw new Refused("REJECTED", "This session has ended.");
  const station = trusted.station(session.station);
  return { station, request: stopCommand(await connected(call, station), session.transaction_id) };
}

async function reserve(call: OcpiCall, body: Members): Promise<Prepared> {
  const token = ownToken(call, body);
  const expiry = timeIn(body, "expiry_date");
  if (expiry <= call.context.clock.now()) throw invalid("expiry_date must be in the future.");
  const reference = optionalTextIn(body, "authorization_reference", 36);
  const id = reservationNumber(call.partner.doc.id, reservationIn(call, body));
  const { station, target, protocol } = await named(call, body);
  await knowToken(call, token, protocol, reference);
  return { station, reference, request: reserveCommand(protocol, token, target, id, utc(expiry)) };
}

function reservationIn({ version }: OcpiCall, body: Members): string {
  return textIn(readReservation(version, body), "reservation_id", 36);
}

async function cancel(call: OcpiCall, body: Members): Promise<Prepared> {
  const id = reservationNumber(call.partner.doc.id, reservationIn(call, body));
  const found = await call.context.store.reader
    .selectFrom("live_station_document")
    .select(["station", "document"])
    .where("party", "=", call.party)
    .where("collection", "=", "reservations")
    .where("key", "=", String(id))
    .orderBy("last_updated", "desc")
    .limit(1)
    .executeTakeFirst();
  if (!found) throw new Refused("REJECTED", "There is no such reservation of yours.");
  const station = trusted.station(found.station);
  await connected(call, station);
  return { station, request: cancelCommand(id) };
}

async function unlock(call: OcpiCall, body: Members): Promise<Prepared> {
  textIn(body, "evse_uid", 36);
  textIn(body, "connector_id", 36);
  const { station, target, protocol } = await named(call, body);
  return { station, request: unlockCommand(protocol, target) };
}

/** Not whether it is valid: the partner has said so by sending it. @throws OcpiError 2001 it is another party's */
function ownToken({ context, partner, version }: OcpiCall, body: Members): OcpiToken {
  const token = parseToken(readToken(version, body["token"], ownerOf(partner.doc)));
  if (actsFor(context.registry, partner, token.countryCode, token.partyId)) return token;
  throw invalid("token must be of a party that you act for.");
}

/**
 * Stations may ask whether the token is good, and start with it: they are told yes, because its owner said so. A token that
 * was pushed is left as it is, but for the reference.
 */
async function knowToken(
  call: OcpiCall,
  token: OcpiToken,
  protocol: Protocol,
  reference: string | undefined,
): Promise<void> {
  const { context, party, partner } = call;
  const idTag = idTagOf(token.uid, protocol);
  const known = context.registry.find(party, "token", tokenKey(idTag));
  const roaming = known?.doc.roaming;
  if (known && !isOwnOrLeft(context, partner, roaming)) {
    throw new Refused("REJECTED", "This uid is another party's token here.");
  }
  const isSame = roaming?.by === "pushed" || known?.doc.contractId === token.contractId;
  const isKnown = known && roaming?.partner === partner.doc.id && isSame;
  if (isKnown && roaming?.reference === reference) return;
  const made = tokenDocOf({ ...token, valid: true }, { partner: partner.doc.id, by: "command" }, idTag);
  const { reference: _before, ...kept } = (isKnown ? roaming : made.roaming)!;
  const doc: TokenDoc = {
    ...(isKnown ? known.doc : made),
    roaming: { ...kept, ...(reference === undefined ? {} : { reference }) },
  };
  await writeEntity(context, principalOf(partner), "token", tokenKey(idTag), doc, known?.version ?? 0);
}

async function named(call: OcpiCall, body: Members): Promise<Named> {
  const location = locationOf(call, textIn(body, "location_id", 36));
  const evseUid = optionalTextIn(body, "evse_uid", 36);
  const connectorId = optionalTextIn(body, "connector_id", 36);
  const evse = evseUid === undefined ? undefined : location.evses?.find(({ uid }) => same(uid, evseUid));
  if (evseUid !== undefined && !evse) throw unknownLocation("There is no such EVSE.");
  if (connectorId !== undefined && evseUid === undefined) throw invalid("connector_id needs evse_uid.");
  const evses = evse ? [evse] : (location.evses ?? []);
  const all = evses.flatMap(({ connectors = [] }) => connectors);
  const of = connectorId === undefined ? all : all.filter(({ id }) => same(id, connectorId));
  if (of.length === 0) throw unknownLocation("There is no such connector.");
  const places = of.flatMap((connector) => connectorKey(connector) ?? []);
  const [place] = places;
  if (!place) throw new Refused("NOT_SUPPORTED", "No station of ours is behind this.");
  const isSame = (name: "station" | "evseId" | "connectorId") => places.every((other) => other[name] === place[name]);
  if (!isSame("station")) throw new Refused("REJECTED", "This location has several stations: name the EVSE.");
  if (evse && !isSame("evseId")) throw new Refused("REJECTED", "This EVSE needs a connector_id.");
  const station = trusted.station(place.station);
  const target = {
    evseId: isSame("evseId") ? place.evseId : undefined,
    connectorId: isSame("connectorId") ? place.connectorId : undefined,
  };
  return { station, target, protocol: await connected(call, station) };
}

function locationOf({ context, party }: OcpiCall, wanted: string): LocationDoc {
  const id = locationId(context, party, wanted);
  const doc = id === undefined ? undefined : context.registry.find(party, "location", id)?.doc;
  if (!doc) throw unknownLocation("There is no such location.");
  return doc;
}

function unknownLocation(sentence: string): OcpiError {
  const data = { result: "REJECTED", timeout: 0 };
  return new OcpiError(statusCodes.unknownLocation, sentence, { data });
}

/** @throws Refused where nobody holds the station now: it would only time out. */
async function connected({ context, party }: OcpiCall, station: StationId): Promise<Protocol> {
  const protocol = asProtocol((await context.bus.owner(party, station))?.protocol);
  if (protocol) return protocol;
  throw new Refused("REJECTED", "The station is not connected now.");
}
