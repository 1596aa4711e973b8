import { expect, test } from "vitest";

import { foldSteps, timed } from "./folding.test-helper.ts";
import { idOf, Line } from "./station.test-helper.ts";

const mwh = (wh: number) => wh * 1000;

test("promise 2: a live 1.6 transaction is one session and one CDR, at once, with stop - start as its energy", async () => {
  const line = new Line("CS1");
  const id = idOf();
  const { of, events } = await foldSteps(
    timed([line.connected(), line.claimed(), line.start(), line.meter(id, "5000", 10), line.meter(id, "9000.5", 20), line.stop(id)]),
  );
  expect(of("sessionStarted")).toMatchObject([{ transactionId: String(id), idToken: "TAG1", evseId: 1, connectorId: 1, meterStartMwh: mwh(1000), annotations: [] }]);
  expect(of("sessionUpdated").map((e) => e.energyMwh)).toEqual([mwh(4000), mwh(8000.5), mwh(20_000)]);
  expect(of("sessionEnded")).toMatchObject([{ energyMwh: mwh(20_000), meterStopMwh: mwh(21_000), reason: "Local", annotations: [] }]);
  expect(of("cdrIssued")).toMatchObject([{ cdr: { energyMwh: mwh(20_000), durationMs: 3_600_000, total: null, annotations: ["noTariff"] } }]);
  expect(events.map((e) => e.kind).slice(0, 2)).toEqual(["stationOnline", "sessionStarted"]);
});
