import { afterEach, describe, expect, test } from "vitest";
import { Rig } from "./testing/rig.test-helper.ts";

let rig: Rig;

afterEach(async () => {
  await rig.stop();
});

const boot = { chargePointVendor: "V", chargePointModel: "M" };

describe("a station's first minute", () => {
  test("upgrade, Boot and Heartbeat are answered, and the log has connected, claimed and the exchanges", async () => {
    rig = await Rig.start();
    const station = await rig.connect("some/prefix/CP-1");
    expect(station.opened?.protocol).toBe("ocpp1.6");
    const answer = await station.call("1", "BootNotification", boot);
    expect(answer).toMatchObject([3, "1", { status: "Accepted" }]);
    await station.call("2", "Heartbeat", {});
    const kinds = rig.log.frames().map((record) => record.kind);
    expect(kinds).toEqual(expect.arrayContaining(["connected", "claimed", "exchange", "exchange"]));
    const sources = new Set(rig.log.frames().map((record) => record.source));
    expect([...sources]).toEqual([station.connectionId]);
  });

  test("no answer leaves before the log has acknowledged the record that holds the call", async () => {
    rig = await Rig.start();
    const station = await rig.connect("CP-1");
    await station.call("1", "BootNotification", boot);
    for (let partition = 0; partition < 4; partition++) rig.log.holding.add(partition);
    station.send([2, "2", "Heartbeat", {}]);
    await station.until(() => rig.log.heldAppends() === 1);
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(station.received).toHaveLength(1);
    rig.log.letGo();
    await station.until(() => station.received.length === 2);
    expect(JSON.parse(station.received[1]!)).toMatchObject([3, "2", {}]);
  });
});
