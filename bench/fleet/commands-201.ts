import { integerField, listField, objectField, textField } from "./dialect.ts";
import type { CommandHost, CommandReply, Payload, TriggeredMessage } from "./dialect.ts";

type Handler = (host: CommandHost, payload: Payload) => CommandReply;

function reply(payload: Payload, after?: () => void): CommandReply {
  return after === undefined ? { ok: true, payload } : { ok: true, payload, after };
}

function status(value: string, after?: () => void): CommandReply {
  return reply({ status: value }, after);
}

const triggers: Readonly<Record<string, TriggeredMessage>> = {
  BootNotification: "boot",
  Heartbeat: "heartbeat",
  StatusNotification: "status",
  MeterValues: "meter",
  TransactionEvent: "transaction",
  FirmwareStatusNotification: "firmwareStatus",
  LogStatusNotification: "logStatus",
};

/** Component -> variable -> value; everything else is unknown, as the answer then says. */
const variables: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  OCPPCommCtrlr: { HeartbeatInterval: "300", MessageTimeout: "30", MessageAttempts: "3" },
  SampledDataCtrlr: { TxUpdatedInterval: "60" },
  ChargingStation: { Model: "Wallbox 201", VendorName: "Simulated" },
};

function lookup(item: Payload): { component: string; variable: string; state: string; value: string | undefined } {
  const component = textField(objectField(item, "component") ?? {}, "name") ?? "";
  const variable = textField(objectField(item, "variable") ?? {}, "name") ?? "";
  const known = Object.hasOwn(variables, component) ? variables[component] : undefined;
  const value = known !== undefined && Object.hasOwn(known, variable) ? known[variable] : undefined;
  const state = known === undefined ? "UnknownComponent" : value === undefined ? "UnknownVariable" : "Accepted";
  return { component, variable, state, value };
}

/** Requests name parts of a station by EVSE; undefined when the part does not exist, 0 for the whole station. */
function evseOf(host: CommandHost, payload: Payload): number | undefined {
  const evse = objectField(payload, "evse");
  if (evse === undefined) return 0;
  const id = integerField(evse, "id") ?? 0;
  if (id === 0) return 0;
  const connector = integerField(evse, "connectorId") ?? 1;
  return host.connectorState(id) === undefined || connector !== 1 ? undefined : id;
}

function anyCharging(host: CommandHost, evse: number): boolean {
  if (evse !== 0) return host.isCharging(evse);
  return Array.from({ length: host.identity.connectorCount }, (_, i) => i + 1).some((n) => host.isCharging(n));
}

const handlers: Readonly<Record<string, Handler>> = {
  RequestStartTransaction(host, payload) {
    const connector = host.freeConnector(integerField(payload, "evseId"));
    const token = textField(objectField(payload, "idToken") ?? {}, "idToken");
    if (connector === undefined || token === undefined) return status("Rejected");
    return status("Accepted", () => host.remoteStart(connector, token, integerField(payload, "remoteStartId")));
  },
  RequestStopTransaction(host, payload) {
    const id = textField(payload, "transactionId");
    if (id === undefined || !host.hasTransaction(id)) return status("Rejected");
    return status("Accepted", () => host.remoteStop(id));
  },
  ChangeAvailability(host, payload) {
    const evse = evseOf(host, payload);
    if (evse === undefined) return status("Rejected");
    const operative = textField(payload, "operationalStatus") !== "Inoperative";
    const scheduled = !operative && anyCharging(host, evse);
    return status(scheduled ? "Scheduled" : "Accepted", () => host.setAvailability(evse, operative));
  },
  UnlockConnector(host, payload) {
    const evse = integerField(payload, "evseId") ?? 0;
    if (host.connectorState(evse) === undefined || integerField(payload, "connectorId") !== 1) {
      return status("UnknownConnector");
    }
    return host.isCharging(evse) ? status("OngoingAuthorizedTransaction") : status("Unlocked");
  },
  // OnIdle is answered as an immediate one on an idle station, else refused: a promise to reset later is one more state
  // that no check of ours looks at.
  Reset(host, payload) {
    if (textField(payload, "type") === "OnIdle" && anyCharging(host, 0)) return status("Rejected");
    return status("Accepted", () => host.reset());
  },
  TriggerMessage(host, payload) {
    const message = triggers[textField(payload, "requestedMessage") ?? ""];
    if (message === undefined) return status("NotImplemented");
    const evse = evseOf(host, payload);
    if (evse === undefined) return status("Rejected");
    if (message === "transaction" && !anyCharging(host, evse)) return status("Rejected");
    return status("Accepted", () => host.trigger(message, evse === 0 ? undefined : evse));
  },
  GetVariables: (_host, payload) =>
    reply({
      getVariableResult: listField(payload, "getVariableData").map((item) => {
        const { component, variable, state, value } = lookup(item);
        return {
          attributeStatus: state,
          ...(value === undefined ? {} : { attributeValue: value }),
          component: { name: component },
          variable: { name: variable },
        };
      }),
    }),
  SetVariables: (_host, payload) =>
    reply({
      setVariableResult: listField(payload, "setVariableData").map((item) => {
        const { component, variable, state } = lookup(item);
        return { attributeStatus: state, component: { name: component }, variable: { name: variable } };
      }),
    }),
  GetBaseReport(host, payload) {
    const requestId = integerField(payload, "requestId") ?? 0;
    return status("Accepted", () => host.report(requestId));
  },
  GetReport: () => status("EmptyResultSet"),
  GetTransactionStatus(host, payload) {
    const id = textField(payload, "transactionId");
    const ongoing = id === undefined ? {} : { ongoingIndicator: host.hasTransaction(id) };
    return reply({ ...ongoing, messagesInQueue: host.hasQueuedMessages() });
  },
  ClearCache: () => status("Accepted"),
  ClearChargingProfile: () => status("Unknown"),
  SetChargingProfile: () => status("Accepted"),
  GetLocalListVersion: () => reply({ versionNumber: 0 }),
  SendLocalList: () => status("Accepted"),
  ReserveNow: () => status("Rejected"),
  CancelReservation: () => status("Rejected"),
  DataTransfer: () => status("UnknownVendorId"),
};

/** Answers a CALL of the CSMS as OCPP 2.0.1 wants it. */
export function commands201(host: CommandHost, action: string, payload: Payload): CommandReply {
  const handler = Object.hasOwn(handlers, action) ? handlers[action] : undefined;
  if (handler === undefined) return { ok: false, code: "NotImplemented", description: `${action} is not known here` };
  return handler(host, payload);
}
