import type { Payload } from "./dialect.ts";
import type { Rng } from "./rng.ts";
import type { Station } from "./station.ts";

export interface RandomCommand {
  readonly station: string;
  readonly action: string;
  readonly payload: Payload;
  /** What takes this command back, to be sent a few commands later. */
  readonly undo?: RandomCommand;
}

type Maker = (rng: Rng, station: Station) => RandomCommand;

function command(station: Station, action: string, payload: Payload, undo?: RandomCommand): RandomCommand {
  return { station: station.identity.id, action, payload, ...(undo === undefined ? {} : { undo }) };
}

function anyConnector(rng: Rng, station: Station): number {
  return rng.int(1, station.identity.connectorCount);
}

function openTransaction(station: Station): string | number | undefined {
  return station.connectors.find(({ transaction }) => transaction?.csmsTx !== undefined)?.transaction?.csmsTx;
}

const makers16: readonly Maker[] = [
  (rng, s) => command(s, "RemoteStartTransaction", { connectorId: anyConnector(rng, s), idTag: s.identity.idToken }),
  (rng, s) => command(s, "RemoteStopTransaction", { transactionId: openTransaction(s) ?? rng.int(1, 1_000_000) }),
  (rng, s) =>
    command(s, "TriggerMessage", {
      requestedMessage: rng.pick(["BootNotification", "Heartbeat", "MeterValues", "StatusNotification"]),
      connectorId: anyConnector(rng, s),
    }),
  (rng, s) => command(s, "GetConfiguration", rng.chance(0.5) ? {} : { key: ["HeartbeatInterval", "NoSuchKey"] }),
  (rng, s) => {
    const connectorId = anyConnector(rng, s);
    const undo = command(s, "ChangeAvailability", { connectorId, type: "Operative" });
    return command(s, "ChangeAvailability", { connectorId, type: "Inoperative" }, undo);
  },
  (rng, s) => command(s, "UnlockConnector", { connectorId: anyConnector(rng, s) }),
  (rng, s) => command(s, "DataTransfer", { vendorId: "org.example.simulated", data: `number ${rng.int(1, 999)}` }),
];

const makers2: readonly Maker[] = [
  (rng, s) =>
    command(s, "RequestStartTransaction", {
      evseId: anyConnector(rng, s),
      remoteStartId: rng.int(1, 2_000_000_000),
      idToken: { idToken: s.identity.idToken, type: "ISO14443" },
    }),
  (rng, s) => command(s, "RequestStopTransaction", { transactionId: String(openTransaction(s) ?? rng.int(1, 1e6)) }),
  (rng, s) =>
    command(s, "TriggerMessage", {
      requestedMessage: rng.pick(["BootNotification", "Heartbeat", "MeterValues", "StatusNotification"]),
      evse: { id: anyConnector(rng, s), connectorId: 1 },
    }),
  (rng, s) =>
    command(s, "GetVariables", {
      getVariableData: [
        { component: { name: "OCPPCommCtrlr" }, variable: { name: "HeartbeatInterval" } },
        { component: { name: rng.pick(["SampledDataCtrlr", "NoSuchCtrlr"]) }, variable: { name: "TxUpdatedInterval" } },
      ],
    }),
  (rng, s) => {
    const evse = { id: anyConnector(rng, s) };
    const undo = command(s, "ChangeAvailability", { evse, operationalStatus: "Operative" });
    return command(s, "ChangeAvailability", { evse, operationalStatus: "Inoperative" }, undo);
  },
  (rng, s) => command(s, "UnlockConnector", { evseId: anyConnector(rng, s), connectorId: 1 }),
  (rng, s) => command(s, "DataTransfer", { vendorId: "org.example.simulated", data: rng.int(1, 999) }),
];

/** A command that is valid by its schema; whether the station can do it is another matter, and part of the test. */
export function randomCommand(rng: Rng, station: Station): RandomCommand {
  return rng.pick(station.identity.protocol === "1.6" ? makers16 : makers2)(rng, station);
}
