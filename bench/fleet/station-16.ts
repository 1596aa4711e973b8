import { commands16 } from "./commands-16.ts";
import { integerField, isoTime, objectField, readBootAnswer, ready, textField } from "./dialect.ts";
import type { Call, ConnectorState, Dialect, Payload, StationIdentity, StopCause, Transaction } from "./dialect.ts";
import { energyText } from "./meter.ts";
import type { Reading } from "./meter.ts";

const statuses: Record<ConnectorState, string> = {
  available: "Available",
  preparing: "Preparing",
  charging: "Charging",
  finishing: "Finishing",
  unavailable: "Unavailable",
};

const stopReasons: Record<StopCause, string> = {
  local: "Local",
  remote: "Remote",
  deauthorized: "DeAuthorized",
  evLeft: "EVDisconnected",
  reset: "SoftReset",
  unlock: "UnlockCommand",
};

function meterValue(identity: StationIdentity, reading: Reading): Payload {
  const { context } = reading;
  const sampledValue: Payload[] = [
    {
      value: energyText(reading.registerWh, identity.unit),
      context,
      measurand: "Energy.Active.Import.Register",
      location: "Outlet",
      unit: identity.unit,
    },
  ];
  if (context === "Sample.Periodic" || context === "Trigger") {
    sampledValue.push({ value: String(reading.powerW), context, measurand: "Power.Active.Import", unit: "W" });
    sampledValue.push({
      value: String(reading.socPercent),
      context,
      measurand: "SoC",
      location: "EV",
      unit: "Percent",
    });
  }
  return { timestamp: isoTime(reading.at), sampledValue };
}

function meterValues(
  identity: StationIdentity,
  connector: number,
  tx: Transaction | undefined,
  reading: Reading,
): Call {
  const value = [meterValue(identity, reading)];
  if (tx === undefined) return ready("MeterValues", { connectorId: connector, meterValue: value });
  return {
    action: "MeterValues",
    build: () =>
      tx.csmsTx === undefined ? undefined : { connectorId: connector, transactionId: tx.csmsTx, meterValue: value },
  };
}

function stopTransaction(identity: StationIdentity, tx: Transaction, reading: Reading, cause: StopCause): Call {
  const rest = {
    ...(cause === "local" || cause === "evLeft" ? { idTag: tx.idToken } : {}),
    meterStop: reading.registerWh,
    timestamp: isoTime(reading.at),
    reason: stopReasons[cause],
    // Every third station adds the closing reading, as StopTxnSampledData asks for it.
    ...(identity.index % 3 === 0 ? { transactionData: [meterValue(identity, reading)] } : {}),
  };
  return {
    action: "StopTransaction",
    build: () => (tx.csmsTx === undefined ? undefined : { transactionId: tx.csmsTx, ...rest }),
  };
}

/** OCPP 1.6 edition 2, JSON. */
export const dialect16: Dialect = {
  protocol: "1.6",
  subprotocol: "ocpp1.6",
  boot: (identity) =>
    ready("BootNotification", {
      chargePointVendor: "Simulated",
      chargePointModel: "Wallbox 16",
      chargePointSerialNumber: `S${String(identity.index).padStart(9, "0")}`,
      firmwareVersion: "1.6.4",
      meterType: "exact",
    }),
  heartbeat: () => ready("Heartbeat", {}),
  status: (connector, state, at) =>
    ready("StatusNotification", {
      connectorId: connector,
      errorCode: "NoError",
      status: statuses[state],
      timestamp: isoTime(at),
    }),
  authorize: (idToken) => ready("Authorize", { idTag: idToken }),
  dataTransfer: (_identity, data) =>
    ready("DataTransfer", { vendorId: "org.example.simulated", messageId: "diagnose", data }),
  firmwareStatus: () => ready("FirmwareStatusNotification", { status: "Idle" }),
  logStatus: () => ready("DiagnosticsStatusNotification", { status: "Idle" }),
  meterValues,
  report: () => [],
  start: (_identity, tx) =>
    ready("StartTransaction", {
      connectorId: tx.connector,
      idTag: tx.idToken,
      meterStart: tx.meterStartWh,
      timestamp: isoTime(tx.startedAt),
    }),
  sample: (identity, tx, reading) => meterValues(identity, tx.connector, tx, reading),
  stop: stopTransaction,
  readBoot: readBootAnswer,
  readAccepted(payload) {
    const info = objectField(payload, "idTagInfo");
    return info === undefined || textField(info, "status") === "Accepted";
  },
  readTransactionId: (payload) => integerField(payload, "transactionId"),
  command: commands16,
};
