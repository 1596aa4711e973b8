// npm `ocpp-rpc`: another WebSocket stack and another framing, in strict mode (but for 2.1): it refuses whatever breaks its schemas.
import { RPCClient } from "ocpp-rpc";
import { expect, test } from "vitest";

import { onEachSystem, type System } from "../harness/system.ts";
import { driveSession, kitToken, meters } from "./session.ts";

type Params = Readonly<Record<string, unknown>>;

const password = "a-key-of-16-chars";
const strictStation = { acceptance: "accepted", validation: "strict", securityProfile: 1, password };

/** A connected client of a station with a password, and what it could not accept of ours. */
async function connect(
  { rest, gateways }: System,
  identity: string,
  protocol: string,
): Promise<{ client: RPCClient; complaints: unknown[] }> {
  await rest.post("/stations", { ...strictStation, id: identity });
  const endpoint = gateways[0].url;
  // Its schemas of 2.1 go by other names than its check asks for.
  const strictMode = protocol !== "ocpp2.1";
  const options = { endpoint, identity, password, protocols: [protocol], strictMode, reconnect: false };
  const client = new RPCClient(options as unknown as ConstructorParameters<typeof RPCClient>[0]);
  const complaints: unknown[] = [];
  for (const event of ["strictValidationFailure", "badMessage"])
    client.on(event, (complaint) => complaints.push(complaint));
  await client.connect();
  expect(client.protocol).toBe(protocol);
  return { client, complaints };
}

const now = (): string => new Date().toISOString();
const call = async (client: RPCClient, action: string, params: object): Promise<Params> =>
  (await client.call(action, params)) as Params;

/** Runs once the answer to the command has left: a station begins after it has agreed. */
function afterwards(work: () => Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    setTimeout(() => void work().then(resolve, reject), 50);
  });
}

onEachSystem("ocpp-rpc", (system) => {
  test("a strict ocpp1.6 client of ocpp-rpc charges, started and stopped through REST", async () => {
    const { client, complaints } = await connect(system(), "RPC-16", "ocpp1.6");
    let transactionId = 0;
    const charging = Promise.withResolvers<void>();
    const stopped = Promise.withResolvers<void>();
    client.handle("RemoteStartTransaction", async ({ params = {} }) => {
      afterwards(async () => {
        const start = { connectorId: 1, idTag: params["idTag"], meterStart: meters.start, timestamp: now() };
        transactionId = (await call(client, "StartTransaction", start))["transactionId"] as number;
        const sampledValue = [{ value: String(meters.middle), measurand: "Energy.Active.Import.Register", unit: "Wh" }];
        await call(client, "MeterValues", {
          connectorId: 1,
          transactionId,
          meterValue: [{ timestamp: now(), sampledValue }],
        });
      }).then(charging.resolve, charging.reject);
      return { status: "Accepted" };
    });
    client.handle("RemoteStopTransaction", async ({ params = {} }) => {
      afterwards(async () => {
        await call(client, "StopTransaction", {
          transactionId,
          meterStop: meters.stop,
          timestamp: now(),
          reason: "Remote",
        });
      }).then(stopped.resolve, stopped.reject);
      return { status: params["transactionId"] === transactionId ? "Accepted" : "Rejected" };
    });
    const boot = await call(client, "BootNotification", { chargePointVendor: "RPC", chargePointModel: "Client" });
    expect(boot).toMatchObject({ status: "Accepted" });
    expect(await call(client, "Authorize", { idTag: kitToken })).toMatchObject({ idTagInfo: { status: "Accepted" } });
    expect(await call(client, "Heartbeat", {})).toHaveProperty("currentTime");
    await driveSession(system(), "RPC-16", "1.6", { charging: () => charging.promise, stopped: () => stopped.promise });
    expect(complaints).toEqual([]);
    await client.close();
  });

  test.each([
    ["strict", "ocpp2.0.1", "RPC-201"],
    ["lenient", "ocpp2.1", "RPC-21"],
  ])("a %s %s client of ocpp-rpc charges, started and stopped through REST", async (_mode, protocol, id) => {
    const { client, complaints } = await connect(system(), id, protocol);
    const transactionId = "rpc-tx";
    const idToken = { idToken: kitToken, type: "ISO14443" };
    const charging = Promise.withResolvers<void>();
    const stopped = Promise.withResolvers<void>();
    let seqNo = 0;
    const report = (eventType: string, triggerReason: string, value: number, context: string, more: object = {}) =>
      call(client, "TransactionEvent", {
        eventType,
        triggerReason,
        timestamp: now(),
        seqNo: seqNo++,
        transactionInfo: { transactionId, ...(eventType === "Ended" ? { stoppedReason: "Remote" } : {}) },
        evse: { id: 1, connectorId: 1 },
        meterValue: [
          { timestamp: now(), sampledValue: [{ value, context, measurand: "Energy.Active.Import.Register" }] },
        ],
        ...more,
      });
    client.handle("RequestStartTransaction", async () => {
      afterwards(async () => {
        const answer = await report("Started", "RemoteStart", meters.start, "Transaction.Begin", { idToken });
        expect(answer).toMatchObject({ idTokenInfo: { status: "Accepted" } });
        await report("Updated", "MeterValuePeriodic", meters.middle, "Sample.Periodic");
      }).then(charging.resolve, charging.reject);
      return { status: "Accepted" };
    });
    client.handle("RequestStopTransaction", async ({ params = {} }) => {
      afterwards(async () => {
        await report("Ended", "RemoteStop", meters.stop, "Transaction.End");
      }).then(stopped.resolve, stopped.reject);
      return { status: params["transactionId"] === transactionId ? "Accepted" : "Rejected" };
    });
    const boot = await call(client, "BootNotification", {
      reason: "PowerUp",
      chargingStation: { vendorName: "RPC", model: "Client" },
    });
    expect(boot).toMatchObject({ status: "Accepted" });
    expect(await call(client, "Authorize", { idToken })).toMatchObject({ idTokenInfo: { status: "Accepted" } });
    await driveSession(system(), id, "2.x", {
      charging: () => charging.promise,
      stopped: () => stopped.promise,
    });
    expect(complaints).toEqual([]);
    await client.close();
  });
});
