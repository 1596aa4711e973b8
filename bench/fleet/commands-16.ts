import { integerField, isoTime, textField } from "./dialect.ts";
import type { CommandHost, CommandReply, Payload, TriggeredMessage } from "./dialect.ts";

type Handler = (host: CommandHost, payload: Payload) => CommandReply;

function reply(payload: Payload, after?: () => void): CommandReply {
  return after === undefined ? { ok: true, payload } : { ok: true, payload, after };
}

function status(value: string, after?: () => void): CommandReply {
  return reply({ status: value }, after);
}

function configurationOf(host: CommandHost): ReadonlyArray<{ key: string; readonly: boolean; value: string }> {
  return [...fixed, { key: "NumberOfConnectors", readonly: true, value: String(host.identity.connectorCount) }];
}

const fixed = [
  { key: "HeartbeatInterval", readonly: false, value: "300" },
  { key: "MeterValueSampleInterval", readonly: false, value: "60" },
  { key: "SupportedFeatureProfiles", readonly: true, value: "Core,RemoteTrigger,SmartCharging" },
  { key: "TransactionMessageAttempts", readonly: false, value: "3" },
  { key: "TransactionMessageRetryInterval", readonly: false, value: "10" },
] as const;

const triggers: Readonly<Record<string, TriggeredMessage>> = {
  BootNotification: "boot",
  Heartbeat: "heartbeat",
  StatusNotification: "status",
  MeterValues: "meter",
  FirmwareStatusNotification: "firmwareStatus",
  DiagnosticsStatusNotification: "logStatus",
};

const handlers: Readonly<Record<string, Handler>> = {
  RemoteStartTransaction(host, payload) {
    const connector = host.freeConnector(integerField(payload, "connectorId"));
    const idTag = textField(payload, "idTag");
    if (connector === undefined || idTag === undefined) return status("Rejected");
    return status("Accepted", () => host.remoteStart(connector, idTag, undefined));
  },
  RemoteStopTransaction(host, payload) {
    const id = integerField(payload, "transactionId");
    if (id === undefined || !host.hasTransaction(id)) return status("Rejected");
    return status("Accepted", () => host.remoteStop(id));
  },
  ChangeAvailability(host, payload) {
    const connector = integerField(payload, "connectorId") ?? 0;
    if (connector !== 0 && host.connectorState(connector) === undefined) return status("Rejected");
    const operative = textField(payload, "type") !== "Inoperative";
    const busy = connectorsOf(host, connector).some((number) => host.isCharging(number));
    return status(busy && !operative ? "Scheduled" : "Accepted", () => host.setAvailability(connector, operative));
  },
  UnlockConnector(host, payload) {
    const connector = integerField(payload, "connectorId") ?? 0;
    if (host.connectorState(connector) === undefined) return status("NotSupported");
    return status("Unlocked", () => host.unlock(connector));
  },
  Reset: (host) => status("Accepted", () => host.reset()),
  TriggerMessage(host, payload) {
    const message = triggers[textField(payload, "requestedMessage") ?? ""];
    if (message === undefined) return status("NotImplemented");
    const connector = integerField(payload, "connectorId");
    if (connector !== undefined && host.connectorState(connector) === undefined) return status("Rejected");
    return status("Accepted", () => host.trigger(message, connector));
  },
  GetConfiguration(host, payload) {
    const configuration = configurationOf(host);
    const asked = payload["key"];
    if (!Array.isArray(asked) || asked.length === 0) return reply({ configurationKey: configuration });
    const names = asked.map((name) => String(name));
    const known = configuration.filter((entry) => names.some((n) => n.toLowerCase() === entry.key.toLowerCase()));
    const unknown = names.filter((n) => !known.some((entry) => entry.key.toLowerCase() === n.toLowerCase()));
    return reply({ configurationKey: known, ...(unknown.length > 0 ? { unknownKey: unknown } : {}) });
  },
  ChangeConfiguration(host, payload) {
    const entry = configurationOf(host).find(({ key }) => key === textField(payload, "key"));
    if (entry === undefined) return status("NotSupported");
    return status(entry.readonly ? "Rejected" : "Accepted");
  },
  ClearCache: () => status("Accepted"),
  ClearChargingProfile: () => status("Unknown"),
  SetChargingProfile: () => status("Accepted"),
  GetCompositeSchedule: (host, payload) =>
    reply({
      status: "Accepted",
      connectorId: integerField(payload, "connectorId") ?? 0,
      scheduleStart: isoTime(host.now()),
      chargingSchedule: { chargingRateUnit: "W", chargingSchedulePeriod: [{ startPeriod: 0, limit: 11000 }] },
    }),
  GetLocalListVersion: () => reply({ listVersion: 0 }),
  SendLocalList: () => status("Accepted"),
  GetDiagnostics: () => reply({}),
  UpdateFirmware: () => reply({}),
  ReserveNow: () => status("Rejected"),
  CancelReservation: () => status("Rejected"),
  DataTransfer: () => status("UnknownVendorId"),
};

function connectorsOf(host: CommandHost, connector: number): readonly number[] {
  if (connector !== 0) return [connector];
  return Array.from({ length: host.identity.connectorCount }, (_, i) => i + 1);
}

/** Answers a CALL of the CSMS as OCPP 1.6 wants it. */
export function commands16(host: CommandHost, action: string, payload: Payload): CommandReply {
  const handler = Object.hasOwn(handlers, action) ? handlers[action] : undefined;
  if (handler === undefined) return { ok: false, code: "NotImplemented", description: `${action} is not known here` };
  return handler(host, payload);
}
