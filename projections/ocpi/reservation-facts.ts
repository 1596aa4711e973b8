// By which RESERVE_NOW a session came to be: that of the reservation that it used, or that expired and is all that it is (decision 0032).
import type { PartyId } from "../../core/ids/ids.ts";
import type { CommandOrigin } from "../../core/records/frame-record.ts";
import type { ApiOptions } from "../rest/context.ts";

export interface Reserved {
  /** false: nobody charged. */
  readonly isUsed: boolean;
  /** Of a partner's RESERVE_NOW. */
  readonly reference: string | undefined;
}

type Needs = Pick<ApiOptions, "store">;

interface SessionOf {
  readonly id: string;
  readonly station: string;
}

/** undefined: it used none that a partner made. */
export async function reservationOf(needs: Needs, party: PartyId, session: SessionOf): Promise<Reserved | undefined> {
  const used = await usedBy(needs, party, session);
  const number = used ?? (await expiredOf(needs, party, session));
  if (number === undefined) return undefined;
  const origin = await reservedBy(needs, party, session.station, number);
  return origin && { isUsed: used !== undefined, reference: origin.reply?.reference };
}

/** The fold says with the reservation which session used it. */
async function usedBy({ store }: Needs, party: PartyId, { id, station }: SessionOf): Promise<string | undefined> {
  const row = await store.reader
    .selectFrom("live_station_document")
    .select("key")
    .where("party", "=", party)
    .where("station", "=", station)
    .where("collection", "=", "reservations")
    .where("document", "like", `%"sessionId":"${id}"%`)
    .limit(1)
    .executeTakeFirst();
  return row?.key;
}

/** One that expired is a session under a transaction id of the fold's own. */
async function expiredOf({ store }: Needs, party: PartyId, { id }: SessionOf): Promise<string | undefined> {
  const row = await store.reader
    .selectFrom("live_session")
    .select("transaction_id")
    .where("party", "=", party)
    .where("id", "=", id)
    .executeTakeFirst();
  return /^reservation\/([^/]+)\//.exec(row?.transaction_id ?? "")?.[1];
}

/** Of the one made last under this number: it replaced those before. */
async function reservedBy(
  { store }: Needs,
  party: PartyId,
  station: string,
  number: string,
): Promise<CommandOrigin | undefined> {
  const rows = await store.reader
    .selectFrom("live_command")
    .select(["payload", "origin"])
    .where("party", "=", party)
    .where("station", "=", station)
    .where("action", "=", "ReserveNow")
    .where("outcome", "=", "accepted")
    .where("payload", "like", `%:${number}%`)
    .orderBy("requested_at", "desc")
    .execute();
  const found = rows.find(({ payload }) => {
    const asked = JSON.parse(payload) as { readonly id?: unknown; readonly reservationId?: unknown };
    return String(asked.reservationId ?? asked.id) === number;
  });
  const origin = found && (JSON.parse(found.origin) as CommandOrigin);
  return origin?.via === "ocpi" ? origin : undefined;
}
