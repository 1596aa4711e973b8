// What a command asks a station to send: while Pending these CALLs are served although the others are not (OCPP 2.x
// B02.FR.09; ocpp.md, before acceptance: keep open, read and configure).
import type { Command } from "./command-line.ts";

/** The action that follows where it has another name than what was asked for. */
const followsTrigger: Readonly<Record<string, string>> = {
  SignChargingStationCertificate: "SignCertificate",
  SignV2GCertificate: "SignCertificate",
  SignV2G20Certificate: "SignCertificate",
  SignCombinedCertificate: "SignCertificate",
};

const followsCommand: Readonly<Record<string, string>> = {
  GetBaseReport: "NotifyReport",
  GetReport: "NotifyReport",
  GetMonitoringReport: "NotifyMonitoringReport",
  GetLog: "LogStatusNotification",
  UpdateFirmware: "FirmwareStatusNotification",
};

/** @returns the idTag or idToken that a station is to start with; undefined: it is to start nothing. */
export function tokenOfStart({ action, payload }: Pick<Command, "action" | "payload">): string | undefined {
  if (action !== "RemoteStartTransaction" && action !== "RequestStartTransaction") return undefined;
  const request = JSON.parse(Buffer.from(payload).toString("utf8")) as { idTag?: unknown; idToken?: unknown };
  const { idToken } = request;
  const token =
    typeof idToken === "object" && idToken !== null && "idToken" in idToken ? idToken.idToken : request.idTag;
  return typeof token === "string" ? token : undefined;
}

/** @returns the action that a station will call because of this command; undefined: none. */
export function invitationOf({ action, payload }: Pick<Command, "action" | "payload">): string | undefined {
  if (action !== "TriggerMessage" && action !== "ExtendedTriggerMessage") {
    return Object.hasOwn(followsCommand, action) ? followsCommand[action] : undefined;
  }
  const { requestedMessage } = JSON.parse(Buffer.from(payload).toString("utf8")) as { requestedMessage?: unknown };
  if (typeof requestedMessage !== "string") return undefined;
  return Object.hasOwn(followsTrigger, requestedMessage) ? followsTrigger[requestedMessage] : requestedMessage;
}
