import { commands201 } from "./commands-201.ts";
import { isoTime, objectField, readBootAnswer, ready, textField } from "./dialect.ts";
import type { Call, ConnectorState, Dialect, Payload, StationIdentity, StopCause, Transaction } from "./dialect.ts";
import type { Reading } from "./meter.ts";

const statuses: Record<ConnectorState, string> = {
  available: "Available",
  preparing: "Occupied",
  charging: "Occupied",
  finishing: "Occupied",
  unavailable: "Unavailable",
};

const stopped: Record<StopCause, { readonly trigger: string; readonly reason: string }> = {
  local: { trigger: "StopAuthorized", reason: "Local" },
  remote: { trigger: "RemoteStop", reason: "Remote" },
  deauthorized: { trigger: "Deauthorized", reason: "DeAuthorized" },
  evLeft: { trigger: "EVDeparted", reason: "EVDisconnected" },
  reset: { trigger: "ResetCommand", reason: "ImmediateReset" },
  unlock: { trigger: "UnlockCommand", reason: "Other" },
};

function meterValue(identity: StationIdentity, reading: Reading): Payload {
  const { context } = reading;
  const energy = identity.unit === "Wh" ? reading.registerWh : reading.registerWh / 1000;
  const sampledValue: Payload[] = [
    {
      value: energy,
      context,
      measurand: "Energy.Active.Import.Register",
      location: "Outlet",
      unitOfMeasure: { unit: identity.unit },
    },
  ];
  if (context === "Sample.Periodic" || context === "Trigger") {
    sampledValue.push({
      value: reading.powerW,
      context,
      measurand: "Power.Active.Import",
      unitOfMeasure: { unit: "W" },
    });
    sampledValue.push({
      value: reading.socPercent,
      context,
      measurand: "SoC",
      location: "EV",
      unitOfMeasure: { unit: "Percent" },
    });
  }
  return { timestamp: isoTime(reading.at), sampledValue };
}

interface EventParts {
  readonly eventType: "Started" | "Updated" | "Ended";
  readonly trigger: string;
  readonly offline: boolean;
  readonly info: Payload;
  readonly withToken: boolean;
}

/** The event's number is taken now, not when it is sent: it tells the CSMS the true order (2.0.1 part 2, E01, E02). */
function transactionEvent(identity: StationIdentity, tx: Transaction, reading: Reading, parts: EventParts): Call {
  const payload = {
    eventType: parts.eventType,
    timestamp: isoTime(reading.at),
    triggerReason: parts.trigger,
    seqNo: tx.seqNo++,
    ...(parts.offline ? { offline: true } : {}),
    transactionInfo: { transactionId: tx.csmsTx, ...parts.info },
    evse: { id: tx.connector, connectorId: 1 },
    ...(parts.withToken ? { idToken: { idToken: tx.idToken, type: "ISO14443" } } : {}),
    meterValue: [meterValue(identity, reading)],
  };
  return ready("TransactionEvent", payload);
}

function started(tx: Transaction): Pick<EventParts, "trigger" | "info"> {
  const remote = tx.remoteStartId !== undefined;
  return {
    trigger: remote ? "RemoteStart" : "Authorized",
    info: { chargingState: "Charging", ...(remote ? { remoteStartId: tx.remoteStartId } : {}) },
  };
}

function reportItem(component: string, variable: string, value: string, dataType: string): Payload {
  return {
    component: { name: component },
    variable: { name: variable },
    variableAttribute: [{ type: "Actual", value, mutability: "ReadOnly" }],
    variableCharacteristics: { dataType, supportsMonitoring: false },
  };
}

function report(identity: StationIdentity, requestId: number, at: number): readonly Call[] {
  const pages = [
    [
      reportItem("ChargingStation", "Model", "Wallbox 201", "string"),
      reportItem("ChargingStation", "VendorName", "Simulated", "string"),
    ],
    Array.from({ length: identity.connectorCount }, (_, i) => ({
      ...reportItem("EVSE", "AvailabilityState", "Available", "OptionList"),
      component: { name: "EVSE", evse: { id: i + 1 } },
    })),
  ];
  return pages.map((reportData, seqNo) =>
    ready("NotifyReport", {
      requestId,
      generatedAt: isoTime(at),
      seqNo,
      tbc: seqNo < pages.length - 1,
      reportData,
    }),
  );
}

const bootReasons = { powerUp: "PowerUp", reset: "RemoteReset", triggered: "Triggered" } as const;

/** OCPP 2.0.1 edition 2. One EVSE for each connector: EVSE n, connector 1. */
export const dialect201: Dialect = {
  protocol: "2.0.1",
  subprotocol: "ocpp2.0.1",
  boot: (identity, reason) =>
    ready("BootNotification", {
      reason: bootReasons[reason],
      chargingStation: {
        vendorName: "Simulated",
        model: "Wallbox 201",
        serialNumber: `S${String(identity.index).padStart(9, "0")}`,
        firmwareVersion: "2.0.1",
      },
    }),
  heartbeat: () => ready("Heartbeat", {}),
  status: (connector, state, at) =>
    ready("StatusNotification", {
      timestamp: isoTime(at),
      connectorStatus: statuses[state],
      evseId: connector,
      connectorId: 1,
    }),
  authorize: (idToken) => ready("Authorize", { idToken: { idToken, type: "ISO14443" } }),
  dataTransfer: (_identity, data) =>
    ready("DataTransfer", { vendorId: "org.example.simulated", messageId: "diagnose", data: { text: data } }),
  firmwareStatus: () => ready("FirmwareStatusNotification", { status: "Idle" }),
  logStatus: () => ready("LogStatusNotification", { status: "Idle" }),
  meterValues: (identity, connector, _tx, reading) =>
    ready("MeterValues", { evseId: connector, meterValue: [meterValue(identity, reading)] }),
  report,
  start: (identity, tx, reading, offline) =>
    transactionEvent(identity, tx, reading, { eventType: "Started", offline, withToken: true, ...started(tx) }),
  sample: (identity, tx, reading, offline) =>
    transactionEvent(identity, tx, reading, {
      eventType: "Updated",
      trigger: reading.context === "Trigger" ? "Trigger" : "MeterValuePeriodic",
      offline,
      withToken: false,
      info: { chargingState: reading.powerW === 0 ? "SuspendedEV" : "Charging" },
    }),
  stop: (identity, tx, reading, cause, offline) =>
    transactionEvent(identity, tx, reading, {
      eventType: "Ended",
      trigger: stopped[cause].trigger,
      offline,
      withToken: cause === "local",
      info: { chargingState: "Idle", stoppedReason: stopped[cause].reason },
    }),
  readBoot: readBootAnswer,
  readAccepted(payload) {
    const info = objectField(payload, "idTokenInfo");
    return info === undefined || textField(info, "status") === "Accepted";
  },
  readTransactionId: () => undefined,
  command: commands201,
};

/** 2.1 with the bodies of 2.0.1, as a station does that was upgraded and uses none of the new use cases. */
export const dialect21: Dialect = { ...dialect201, protocol: "2.1", subprotocol: "ocpp2.1" };
