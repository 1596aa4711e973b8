// Reservations: asked by ReserveNow, ended by use, cancellation, expiry or the station's word (2.0.1 H01-H04; 1.6 §5.13, §5.2).
import type { FoldContext } from "../engine/station-fold.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import { fieldsOf, indexOf, textOf, type Fields } from "../payload.ts";
import { parseStationTime } from "../station-time.ts";
import { field, tell, type Done, type Report } from "./field.ts";

/** Not ended. */
export interface Reservation {
  readonly id: string;
  /** 0: any EVSE. */
  readonly evseId: number;
  readonly connectorType: string | null;
  readonly idToken: string | null;
  readonly groupId: string | null;
  /** Epoch ms. */
  readonly expiresAt: number;
  readonly reservedAt: number;
}

type Ended = "used" | "cancelled" | "expired" | "removed";

/** A station holds one an EVSE; what goes beyond is a station that never says how they end. */
const remembered = 64;

export const reservations = field<readonly Reservation[]>({
  name: "reservations",
  initial: [],
  reports: {
    ReservationStatusUpdate: statusUpdate,
    StartTransaction: (state, report, context) => used(state, report, textOf(report.answer["transactionId"]), context),
    TransactionEvent: (state, report, context) =>
      used(state, report, textOf(fieldsOf(report.request["transactionInfo"])["transactionId"]), context),
  },
  results: { ReserveNow: reserved, CancelReservation: cancelled },
  dueAt: (state) => state.reduce<number | null>((least, { expiresAt: at }) => Math.min(least ?? at, at), null),
  tick: (state, dueAt, context) =>
    state.filter((r) => r.expiresAt <= dueAt).reduce((after, r) => ended(after, r, "expired", context), state),
});

type Reports = Readonly<Record<string, unknown>>;

function reservationsIn(reports: Reports): readonly Reservation[] {
  return (reports[reservations.name] as readonly Reservation[] | undefined) ?? [];
}

/** The one that a message names. undefined: none that has not ended has that number. */
export interface Named {
  readonly id: string;
  readonly reservation: Reservation | undefined;
}

/** null: it names none. */
export function namedIn(reports: Reports, request: Fields): Named | null {
  const id = textOf(request["reservationId"]);
  return id === null ? null : { id, reservation: reservationsIn(reports).find((one) => one.id === id) };
}

/** Those that ended with this record because nobody came. */
export function expiredIn(
  before: Reports,
  after: Reports,
  { kind }: FrameRecord,
  request: Fields = {},
): readonly Reservation[] {
  const [were, are] = [reservationsIn(before), reservationsIn(after)];
  const isExpiry = kind === "tick" || words[textOf(request["reservationUpdateStatus"]) ?? ""] === "expired";
  return were === are || !isExpiry ? [] : were.filter((one) => !are.includes(one));
}

function reserved(state: readonly Reservation[], done: Done, context: FoldContext): readonly Reservation[] {
  if (done.outcome !== "accepted") return state;
  const { request } = done;
  const token = fieldsOf(request["idToken"]);
  const id = textOf(request["reservationId"]) ?? textOf(request["id"]) ?? "";
  const reservation: Reservation = {
    id,
    evseId: indexOf(request["evseId"] ?? request["connectorId"]),
    connectorType: textOf(request["connectorType"]),
    idToken: textOf(request["idTag"]) ?? textOf(token["idToken"]),
    groupId: textOf(request["parentIdTag"]) ?? textOf(fieldsOf(request["groupIdToken"])["idToken"]),
    expiresAt: parseStationTime(request["expiryDate"] ?? request["expiryDateTime"]) ?? context.logTime,
    reservedAt: context.logTime,
  };
  // 1.6 §5.13: the same number again replaces the reservation before; the document is then that of the new one.
  const others = state.filter((r) => r.id !== id);
  tell(context, "reservations", id, documentOf(reservation, "active", nobody));
  return [...others, reservation].slice(-remembered);
}

function cancelled(state: readonly Reservation[], done: Done, context: FoldContext): readonly Reservation[] {
  if (done.outcome !== "accepted") return state;
  return endById(state, done.request, "cancelled", context);
}

const words: Readonly<Record<string, Ended>> = { Expired: "expired", Removed: "removed", NoTransaction: "expired" };

/** 2.0.1 H04. */
function statusUpdate(
  state: readonly Reservation[],
  { request }: Report,
  context: FoldContext,
): readonly Reservation[] {
  const word = words[textOf(request["reservationUpdateStatus"]) ?? ""];
  return word ? endById(state, request, word, context) : state;
}

function endById(
  state: readonly Reservation[],
  request: Fields,
  how: Ended,
  context: FoldContext,
): readonly Reservation[] {
  const reservation = state.find((r) => r.id === textOf(request["reservationId"]));
  return reservation ? ended(state, reservation, how, context) : state;
}

/** Quirk 6: 0 means none, where no reservation has that number. */
function used(
  state: readonly Reservation[],
  { request, session }: Report,
  transactionId: string | null,
  context: FoldContext,
): readonly Reservation[] {
  const named = textOf(request["reservationId"]);
  const reservation = named === null ? undefined : state.find((r) => r.id === named);
  if (named === "0" && !reservation) context.ask({ kind: "tolerated", word: "reservationIdZero" });
  if (!reservation) return state;
  return ended(state, reservation, "used", context, { transactionId, sessionId: session()?.id ?? null });
}

function ended(
  state: readonly Reservation[],
  reservation: Reservation,
  how: Ended,
  context: FoldContext,
  by: UsedBy = nobody,
): readonly Reservation[] {
  tell(context, "reservations", reservation.id, documentOf(reservation, how, by));
  return state.filter((r) => r !== reservation);
}

interface UsedBy {
  readonly transactionId: string | null;
  readonly sessionId: string | null;
}

const nobody: UsedBy = { transactionId: null, sessionId: null };

function documentOf(r: Reservation, status: Ended | "active", by: UsedBy): object {
  return {
    reservationId: r.id,
    evseId: r.evseId,
    connectorType: r.connectorType,
    idToken: r.idToken,
    groupId: r.groupId,
    status,
    ...by,
    reservedAt: new Date(r.reservedAt).toISOString(),
    expiresAt: new Date(r.expiresAt).toISOString(),
  };
}
