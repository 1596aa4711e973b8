// Promise 2: one transaction, one session, one CDR, whatever is repeated, reordered, replayed or resent.
import { expect, test } from "vitest";

import { bootedStation, TestStation } from "../harness/station.ts";
import { onEachSystem, otherGateway, type System } from "../harness/system.ts";

interface StartAnswer {
  readonly transactionId: number;
  readonly idTagInfo: { readonly status: string };
}

const start16 = (timestamp: string, meterStart: number) => ({ connectorId: 1, idTag: "TAG-1", meterStart, timestamp });
const stop16 = (transactionId: number, timestamp: string, meterStop: number) => ({
  transactionId,
  timestamp,
  meterStop,
  idTag: "TAG-1",
});
const reading16 = (transactionId: number, timestamp: string, wh: number) => ({
  connectorId: 1,
  transactionId,
  meterValue: [
    { timestamp, sampledValue: [{ value: String(wh), measurand: "Energy.Active.Import.Register", unit: "Wh" }] },
  ],
});

/** Exactly one session with one CDR of this energy. */
async function expectOne({ rest }: System, station: string, energyWh: number): Promise<void> {
  const sessions = await rest.settled(station, 1);
  expect(sessions, `sessions of ${station}`).toHaveLength(1);
  expect(sessions[0]).toMatchObject({ status: "completed", energyWh });
  const cdrs = await rest.cdrsOf(station);
  expect(cdrs, `CDRs of ${station}`).toHaveLength(1);
  expect(cdrs[0]).toMatchObject({ sessionId: sessions[0]?.id, energyWh });
}

const event2x = (
  transactionId: string,
  seqNo: number,
  eventType: string,
  timestamp: string,
  wh: number,
  context: string,
) => ({
  eventType,
  timestamp,
  seqNo,
  triggerReason:
    eventType === "Started" ? "CablePluggedIn" : eventType === "Ended" ? "EVDeparted" : "MeterValuePeriodic",
  transactionInfo: { transactionId, ...(eventType === "Ended" ? { stoppedReason: "EVDisconnected" } : {}) },
  evse: { id: 1, connectorId: 1 },
  idToken: { idToken: "TAG-2", type: "ISO14443" },
  meterValue: [{ timestamp, sampledValue: [{ value: wh, context, measurand: "Energy.Active.Import.Register" }] }],
});

onEachSystem("promise 2, one transaction is one session and one CDR", (system) => {
  const here = (): string => system().gateways[0].url;
  const elsewhere = (): string => otherGateway(system()).url;

  test("a StartTransaction and StopTransaction repeated on the line make one session and one CDR", async () => {
    const id = "REPEAT-16";
    const station = await bootedStation({ url: here(), id });
    const start = station.frame("StartTransaction", start16("2026-03-01T10:00:00Z", 1000));
    const ids = new Set<number>();
    // The same bytes twice, then the same payload under new message ids.
    for (const frame of [start, start, station.frame("StartTransaction", start16("2026-03-01T10:00:00Z", 1000))]) {
      const { frame: answer } = await station.exchange(frame);
      ids.add((answer[2] as StartAnswer).transactionId);
    }
    expect(ids.size, "transaction ids given").toBe(1);
    const [transactionId = 0] = ids;
    await station.call("MeterValues", reading16(transactionId, "2026-03-01T10:30:00Z", 4500));
    const stop = station.frame("StopTransaction", stop16(transactionId, "2026-03-01T11:00:00Z", 8250));
    for (const frame of [
      stop,
      stop,
      station.frame("StopTransaction", stop16(transactionId, "2026-03-01T11:00:00Z", 8250)),
    ]) {
      expect((await station.exchange(frame)).frame[0]).toBe(3);
    }
    await expectOne(system(), id, 7250);
    await station.close();
  });

  test("a transaction resent after a reconnect, to another gateway where there is one, gets the same transactionId and stays one", async () => {
    const id = "RESENT-16";
    const payload = start16("2026-03-01T10:00:00Z", 500);
    const first = await bootedStation({ url: here(), id });
    const { transactionId } = await first.call<StartAnswer>("StartTransaction", payload);
    first.vanish();
    const second = await TestStation.connect({ url: elsewhere(), id });
    const again = await second.call<StartAnswer>("StartTransaction", payload);
    expect(again.transactionId).toBe(transactionId);
    await second.call("StopTransaction", stop16(transactionId, "2026-03-01T10:20:00Z", 2500));
    second.vanish();
    const third = await TestStation.connect({ url: here(), id });
    await third.call("StopTransaction", stop16(transactionId, "2026-03-01T10:20:00Z", 2500));
    await expectOne(system(), id, 2000);
    await third.close();
  });

  test("an offline queue replayed twice, its readings after the stop, makes one session and one CDR", async () => {
    const id = "OFFLINE-16";
    const start = start16("2026-02-27T22:00:00Z", 10_000);
    const replay = async (url: string): Promise<void> => {
      const station = await TestStation.connect({ url, id });
      const { transactionId } = await station.call<StartAnswer>("StartTransaction", start);
      await station.call("StopTransaction", stop16(transactionId, "2026-02-27T23:00:00Z", 21_500));
      await station.call("MeterValues", reading16(transactionId, "2026-02-27T22:30:00Z", 16_000));
      station.vanish();
    };
    await replay(here());
    await replay(elsewhere());
    await expectOne(system(), id, 11_500);
  });

  test("2.0.1 events out of order, repeated, over two connections, make one session and one CDR", async () => {
    const id = "DISORDER-201";
    const station = await bootedStation({ url: here(), id, protocol: "ocpp2.0.1" });
    const started = event2x("tx-1", 0, "Started", "2026-03-01T10:00:00Z", 100, "Transaction.Begin");
    const updates = [1, 2, 3].map((n) =>
      event2x("tx-1", n, "Updated", `2026-03-01T10:${n}0:00Z`, 100 + n * 1000, "Sample.Periodic"),
    );
    const ended = event2x("tx-1", 4, "Ended", "2026-03-01T10:40:00Z", 4400, "Transaction.End");
    await station.call("TransactionEvent", updates[1]!);
    await station.call("TransactionEvent", started);
    await station.call("TransactionEvent", started);
    station.vanish();
    const second = await TestStation.connect({ url: elsewhere(), id, protocol: "ocpp2.0.1" });
    await second.call("TransactionEvent", ended);
    await second.call("TransactionEvent", updates[0]!);
    await second.call("TransactionEvent", ended);
    await second.call("TransactionEvent", updates[2]!);
    await expectOne(system(), id, 4300);
    await second.close();
  });

  test("two transactions of one connector one after the other stay two", async () => {
    const id = "TWO-16";
    const station = await bootedStation({ url: here(), id });
    for (const [hour, meterStart] of [
      [10, 0],
      [12, 3000],
    ] as const) {
      const { transactionId } = await station.call<StartAnswer>(
        "StartTransaction",
        start16(`2026-03-01T${hour}:00:00Z`, meterStart),
      );
      await station.call("StopTransaction", stop16(transactionId, `2026-03-01T${hour + 1}:00:00Z`, meterStart + 3000));
    }
    const { rest } = system();
    const sessions = await rest.settled(id, 2);
    expect(sessions.map(({ energyWh }) => energyWh)).toEqual([3000, 3000]);
    expect(await rest.cdrsOf(id)).toHaveLength(2);
    await station.close();
  });
});
