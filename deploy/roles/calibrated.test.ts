// A calibrated station on the roles as they run: what is shown, explained and rebuilt.
import { expect, test } from "vitest";

import { createExplainer } from "../../processors/explain/explain.ts";
import { in16, Meter } from "../../processors/calibration/meter.test-helper.ts";
import { idOf, Line, party } from "../../processors/station.test-helper.ts";
import { tempFolder } from "../../test/harness/paths.ts";
import { compareWithRebuild } from "./compare.ts";
import { pricedWorld } from "./priced-world.test-helper.ts";
import { up } from "./rebuild-world.test-helper.ts";

test("a calibrated session is explained by the signed values that were billed, and rebuilt the same (L4)", async () => {
  const world = await pricedWorld();
  using folder = tempFolder("calibrated");
  try {
    const meter = new Meter("M1");
    const keys = [{ publicKey: meter.publicKey }];
    const line = new Line("CS1");
    await world.world.put("meterKeys", line.station, { id: line.station, calibrated: true, keys });
    line.registry = { generation: 1, offset: 4 };
    await world.start();
    const [begin, end] = [meter.signed(1, { B: 1_000.5 }), meter.signed(2, { E: 21_010.25 })];
    const meterValue = [in16(begin, "Transaction.Begin", 0)];
    await world.write([
      ...up(line),
      line.start(),
      line.call("MeterValues", { connectorId: 1, transactionId: idOf(), meterValue }),
      line.meter(idOf(), "15000", 30),
      line.stop(idOf(), { transactionData: [in16(end, "Transaction.End", 60)] }),
    ]);
    await world.quiet();
    const session = await world.store.reader.selectFrom("live_session").selectAll().executeTakeFirstOrThrow();
    expect(session).toMatchObject({ energy_mwh: 20_009_750, meter_start_mwh: 1_000_500, meter_stop_mwh: 21_010_250 });
    const explanation = await createExplainer(world.tools).explain(party, session.id);
    expect(explanation!.differences).toEqual([]);
    const words = explanation!.records.flatMap((r) => r.readings.map(({ reading, word }) => [reading.value, word]));
    expect(words).toEqual([
      ["1000", "notSigned"],
      [begin, "signedBegin"],
      ["15000", "notSigned"],
      ["21000", "notSigned"],
      [end, "signedEnd"],
    ]);
    const compared = await compareWithRebuild({
      source: {
        scratchIn: folder.path,
        openLog: () =>
          Promise.resolve(Object.assign(Object.create(world.world.log), { close: () => Promise.resolve() })),
        openStore: () => Promise.resolve(Object.assign(Object.create(world.store), { close: () => Promise.resolve() })),
        openStoreToWrite: () => Promise.reject(new Error("nobody writes")),
      },
    });
    expect(compared).toMatchObject({ ok: true, problems: [] });
  } finally {
    await world.end();
  }
});
