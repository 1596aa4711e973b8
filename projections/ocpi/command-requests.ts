// OCPI's commands in the words of each OCPP version. Pure.
import { createHash } from "node:crypto";

import type { Protocol } from "../../core/records/frame-record.ts";
import type { OcpiToken } from "./token-object.ts";
import { idTagOf } from "./token-object.ts";

export const commandNames = [
  "CANCEL_RESERVATION",
  "RESERVE_NOW",
  "START_SESSION",
  "STOP_SESSION",
  "UNLOCK_CONNECTOR",
] as const;
export type CommandName = (typeof commandNames)[number];

export interface StationCommand {
  readonly action: string;
  readonly payload: object;
}

/** `evseId` and `connectorId` as wattlog has them: of a 1.6 station n and 1. undefined: the station chooses. */
export interface Target {
  readonly evseId: number | undefined;
  readonly connectorId: number | undefined;
}

/** @param startId random, so that the fold can tell whose start it was. */
export function startCommand(
  protocol: Protocol,
  token: OcpiToken,
  { evseId }: Target,
  startId: number,
): StationCommand {
  if (protocol === "ocpp1.6") {
    const connector = evseId === undefined ? {} : { connectorId: evseId };
    return { action: "RemoteStartTransaction", payload: { idTag: idTagOf(token.uid, protocol), ...connector } };
  }
  const evse = evseId === undefined ? {} : { evseId };
  return { action: "RequestStartTransaction", payload: { idToken: idToken(token), remoteStartId: startId, ...evse } };
}

export function stopCommand(protocol: Protocol, transactionId: string): StationCommand {
  if (protocol !== "ocpp1.6") return { action: "RequestStopTransaction", payload: { transactionId } };
  return { action: "RemoteStopTransaction", payload: { transactionId: Number(transactionId) } };
}

/** @param expiryDate RFC 3339 */
export function reserveCommand(
  protocol: Protocol,
  token: OcpiToken,
  { evseId }: Target,
  reservationId: number,
  expiryDate: string,
): StationCommand {
  if (protocol === "ocpp1.6") {
    // 0 is any of its connectors (1.6 §5.13).
    const payload = { connectorId: evseId ?? 0, expiryDate, idTag: idTagOf(token.uid, protocol), reservationId };
    return { action: "ReserveNow", payload };
  }
  const evse = evseId === undefined ? {} : { evseId };
  return {
    action: "ReserveNow",
    payload: { id: reservationId, expiryDateTime: expiryDate, idToken: idToken(token), ...evse },
  };
}

export function cancelCommand(reservationId: number): StationCommand {
  return { action: "CancelReservation", payload: { reservationId } };
}

export function unlockCommand(protocol: Protocol, { evseId = 1, connectorId = 1 }: Target): StationCommand {
  const payload = protocol === "ocpp1.6" ? { connectorId: evseId } : { evseId, connectorId };
  return { action: "UnlockConnector", payload };
}

const tokenTypes = {
  RFID: "ISO14443",
  EMAID: "eMAID",
  APP_USER: "Central",
  AD_HOC_USER: "Central",
  OTHER: "Central",
} as const;

function idToken({ uid, type }: OcpiToken): object {
  return { idToken: uid, type: tokenTypes[type] };
}

const positiveInt32 = 0x7fff_ffff;

/**
 * Partners' own ids never reach a station: two of them may use the same, and OCPP wants a number. The same id of the same
 * partner gives the same number, so that a second RESERVE_NOW replaces the first and CANCEL_RESERVATION finds it.
 */
export function reservationNumber(partner: string, reservationId: string): number {
  const digest = createHash("sha256")
    .update(JSON.stringify([partner, reservationId.toLowerCase()]))
    .digest();
  // Never 0, which stations take for none.
  return digest.readUInt32BE(0) & positiveInt32 || 1;
}

export type CommandResultType =
  | "ACCEPTED"
  | "EVSE_OCCUPIED"
  | "EVSE_INOPERATIVE"
  | "FAILED"
  | "NOT_SUPPORTED"
  | "REJECTED"
  | "TIMEOUT"
  | "UNKNOWN_RESERVATION";

const byStatus: Readonly<Record<string, CommandResultType>> = {
  Occupied: "EVSE_OCCUPIED",
  Faulted: "EVSE_INOPERATIVE",
  Unavailable: "EVSE_INOPERATIVE",
  UnlockFailed: "FAILED",
  NotSupported: "NOT_SUPPORTED",
  OngoingAuthorizedTransaction: "EVSE_OCCUPIED",
  UnknownConnector: "FAILED",
};

const unsupported: ReadonlySet<unknown> = new Set(["NotImplemented", "NotSupported"]);

/** @param response the station's frame as text; null: none came. */
export function resultOf(command: CommandName, outcome: string | null, response: string | null): CommandResultType {
  if (outcome === "accepted") return "ACCEPTED";
  if (outcome === "error") return unsupported.has(frameOf(response)[2]) ? "NOT_SUPPORTED" : "FAILED";
  if (outcome === "not_connected") return "FAILED";
  if (outcome !== "rejected") return "TIMEOUT";
  const { status } = (frameOf(response)[2] ?? {}) as { status?: unknown };
  const known = typeof status === "string" ? byStatus[status] : undefined;
  return known ?? (command === "CANCEL_RESERVATION" ? "UNKNOWN_RESERVATION" : "REJECTED");
}

/** @returns empty where it is none */
export function frameOf(response: string | null): readonly unknown[] {
  try {
    const frame: unknown = JSON.parse(response ?? "[]");
    return Array.isArray(frame) ? frame : [];
  } catch {
    return [];
  }
}
