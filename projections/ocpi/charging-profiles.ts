// Receiver interface of charging profiles (2.2.1, ChargingProfiles): answered at once, carried out by the station's own protocol,
// the result POSTed later. For sessions of the partner's own tokens alone.
import { limits } from "../../core/config/limits.ts";
import { trusted } from "../../core/ids/ids.ts";
import type { Protocol } from "../../core/records/frame-record.ts";
import type { SessionRow } from "../../core/store/tables.ts";
import { asProtocol } from "../rest/command-check.ts";
import type { OcpiCall, OcpiHandler } from "./call.ts";
import {
  clearProfileCommand,
  compositeCommand,
  isSeconds,
  parseProfile,
  setProfileCommand,
  type ProfileReply,
} from "./charging-profile-object.ts";
import { commandTimeoutSeconds, isUnsendable, throughHub } from "./command-orders.ts";
import type { StationCommand } from "./command-requests.ts";
import { invalid, type OcpiAnswer } from "./envelope.ts";
import { placeOfSession } from "./places.ts";
import { ownSession } from "./sessions.ts";
import { isMembers, textIn } from "./values.ts";

type ProfileResponse = "ACCEPTED" | "NOT_SUPPORTED" | "REJECTED" | "TOO_OFTEN" | "UNKNOWN_SESSION";

export const getActiveProfile: OcpiHandler = async (call) => {
  const duration = Number(call.query["duration"]);
  if (!isSeconds(duration) || duration === 0) throw invalid("duration must be a whole number of seconds.");
  const responseUrl = responseUrlIn(call, call.query);
  return ordered(call, "ActiveChargingProfile", responseUrl, (protocol, { evse_id: evseId }) =>
    compositeCommand(protocol, evseId, duration),
  );
};

export const putChargingProfile: OcpiHandler = async (call) => {
  if (!isMembers(call.body)) throw invalid("An object is needed.");
  const profile = parseProfile(call.body["charging_profile"]);
  const responseUrl = responseUrlIn(call, call.body);
  // A list of none is OCPI, and nothing that a station could be told.
  if (profile.periods.length === 0) return answer("REJECTED");
  return ordered(call, "ChargingProfile", responseUrl, (protocol, row) => {
    const connector = placeOfSession(call.context.registry, call.party, row)?.connector;
    const at = { session: row.id, transactionId: row.transaction_id, evseId: row.evse_id };
    return setProfileCommand(protocol, { ...at, isDc: connector?.power_type === "DC" }, profile);
  });
};

export const deleteChargingProfile: OcpiHandler = async (call) => {
  const responseUrl = responseUrlIn(call, call.query);
  return ordered(call, "ClearProfile", responseUrl, (protocol, { id }) => clearProfileCommand(protocol, id));
};

/** @throws OcpiError 2001 */
function responseUrlIn({ services, partner }: OcpiCall, members: Readonly<Record<string, unknown>>): string {
  const url = textIn(members, "response_url", 255);
  const refusal = services.outbound.refusal(url, partner.doc.allowedHosts ?? []);
  if (refusal !== undefined) throw invalid(`response_url is not an address that is called: ${refusal}.`);
  return url;
}

async function ordered(
  call: OcpiCall,
  of: ProfileReply,
  responseUrl: string,
  commandOf: (protocol: Protocol, row: SessionRow) => StationCommand,
): Promise<OcpiAnswer> {
  const { context, party, partner, services, correlationId, params } = call;
  const row = await ownSession(call, params["session"] ?? "");
  if (!row) return answer("UNKNOWN_SESSION");
  if (row.status !== "active") return answer("REJECTED");
  const station = trusted.station(row.station);
  const protocol = asProtocol((await context.bus.owner(party, station))?.protocol);
  if (!protocol) return answer("REJECTED");
  const request = commandOf(protocol, row);
  if (await isWaiting(call, row, request.action)) return answer("TOO_OFTEN");
  const reply = { of, url: responseUrl, correlationId, session: row.id, ...throughHub(call) };
  try {
    return answer((await services.orders.order({ partner, station, request, reply })) ? "ACCEPTED" : "TOO_OFTEN");
  } catch (error) {
    if (isUnsendable(error)) return answer("REJECTED");
    throw error;
  }
}

/** One of a kind at a time: a station has a slow line, and the answer to the second would be that to the first. */
async function isWaiting({ context, party }: OcpiCall, { id, station }: SessionRow, action: string): Promise<boolean> {
  const found = await context.store.reader
    .selectFrom("live_command")
    .select("id")
    .where("party", "=", party)
    .where("station", "=", station)
    .where("requested_at", ">", context.clock.now() - limits.commandTimeoutSecondsDefault * 1_000)
    .where("action", "=", action)
    .where("status", "!=", "done")
    .where("origin", "like", `%"session":"${id}"%`)
    .limit(1)
    .executeTakeFirst();
  return found !== undefined;
}

function answer(result: ProfileResponse): OcpiAnswer {
  return { data: { result, timeout: result === "ACCEPTED" ? commandTimeoutSeconds : 0 } };
}
