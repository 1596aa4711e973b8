// Promise 6, at the fold: a poison record holds its own transaction and nothing else, and can be redriven.
import { expect, test } from "vitest";

import type { EventBody } from "../../core/records/domain-event.ts";
import { onAdaptersOfEach } from "../harness/adapters.ts";
import { startFold, type FoldUnderTest } from "../harness/fold.ts";
import { startGateway } from "../harness/gateway.ts";
import { bootedStation, type TestStation } from "../harness/station.ts";
import { eventually } from "../harness/wait.ts";

async function bodiesOf(fold: FoldUnderTest, station: string, kind: EventBody["kind"]): Promise<EventBody[]> {
  return (await fold.eventsOf(station)).map(({ body }) => body).filter((body) => body.kind === kind);
}

/** A whole session of 3000 Wh, every frame of which is answered, poison or not. */
async function charge(station: TestStation, hour: number): Promise<void> {
  const at = (minute: number): string => new Date(Date.UTC(2026, 2, 1, hour, minute)).toISOString();
  const start = { connectorId: 1, idTag: "TAG", meterStart: 500, timestamp: at(0) };
  const { transactionId } = await station.call<{ transactionId: number }>("StartTransaction", start);
  const sampledValue = [{ value: "2000", measurand: "Energy.Active.Import.Register", unit: "Wh" }];
  await station.call("MeterValues", {
    connectorId: 1,
    transactionId,
    meterValue: [{ timestamp: at(10), sampledValue }],
  });
  await station.call("StopTransaction", { transactionId, timestamp: at(20), meterStop: 3500 });
}

onAdaptersOfEach("promise 6, a poison record is held and redriven", (open) => {
  test("a start that cannot be folded is quarantined with what follows it, its neighbours charge on, a redrive makes the session", async () => {
    await using gateway = await startGateway(await open(1));
    await using fold = await startFold(gateway);
    fold.isPoison = (record) =>
      record.kind === "exchange" && record.action === "StartTransaction" && record.station === "POISON";
    const url = gateway.url;
    const [poisoned, neighbour] = [
      await bootedStation({ url, id: "POISON" }),
      await bootedStation({ url, id: "HEALTHY" }),
    ];
    await charge(poisoned, 10);
    await charge(neighbour, 10);
    await poisoned.call("StatusNotification", { connectorId: 1, errorCode: "NoError", status: "Available" });

    const ended = await eventually("the neighbour's session", async () => {
      const found = await bodiesOf(fold, "HEALTHY", "sessionEnded");
      return found.length > 0 && found;
    });
    expect(ended).toMatchObject([{ energyMwh: 3_000_000 }]);
    await eventually(
      "the poisoned station's status",
      async () => (await bodiesOf(fold, "POISON", "connectorStatus")).length > 0,
    );
    expect(await bodiesOf(fold, "POISON", "sessionStarted"), "sessions of the poisoned start").toEqual([]);

    const rows = await fold.quarantined();
    expect(rows).toMatchObject([{ station: "POISON", stage: "fold", state: "held" }]);
    expect(Buffer.from(rows[0]!.bytes).toString("utf8")).toContain('"StartTransaction"');
    const counter = await fold.metrics.quarantine.get();
    expect(counter.values.filter(({ value }) => value > 0)).toMatchObject([{ labels: { stage: "fold" }, value: 1 }]);

    fold.isPoison = () => false;
    await fold.redrive(rows[0]!);
    const redriven = await eventually("the redriven session", async () => {
      const found = await bodiesOf(fold, "POISON", "sessionEnded");
      return found.length > 0 && found;
    });
    expect(redriven).toMatchObject([{ energyMwh: 3_000_000 }]);
    expect(await bodiesOf(fold, "POISON", "sessionStarted")).toHaveLength(1);
    expect(await fold.quarantined()).toMatchObject([{ state: "redriven" }]);
    await poisoned.close();
    await neighbour.close();
  });
});
