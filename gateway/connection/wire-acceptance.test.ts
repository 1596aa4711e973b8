// The wire checklist (docs/wire-checklist.md): both directions at once, and what is said before a station is accepted.
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { newCommandId, newNodeId, type CommandId } from "../../core/ids/ids.ts";
import type { Protocol } from "../../core/records/frame-record.ts";
import type { StationDoc } from "../../core/registry/entities.ts";
import { changeOf, party, Rig, stationId } from "../testing/rig.test-helper.ts";
import { sample } from "../testing/sample.test-helper.ts";
import type { TestStation } from "../testing/station.test-helper.ts";

const versions: readonly Protocol[] = ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"];
const of2x: readonly Protocol[] = ["ocpp2.0.1", "ocpp2.1"];
const waitMs = 10_000;
const id = stationId("CP-1");
let rig: Rig;

beforeEach(async () => {
  rig = await Rig.start();
});

afterEach(async () => {
  await rig.stop();
});

function boot(version: Protocol): object {
  return version === "ocpp1.6"
    ? { chargePointVendor: "V", chargePointModel: "M" }
    : { reason: "PowerUp", chargingStation: { vendorName: "V", model: "M" } };
}

async function register(acceptance: StationDoc["acceptance"]) {
  const known = rig.registry.find(party, "station", id)?.doc;
  await rig.change("station", id, { ...known, id, acceptance });
}

const connect = (version: Protocol) => rig.connect(id, { protocols: [version] });
const kinds = () => rig.log.frames().map((record) => record.kind);

/** As the api would ask. */
function command(station: TestStation, action: string, payload: object = {}): CommandId {
  const commandId = newCommandId();
  void rig.bus.send(rig.nodeId, {
    type: "command",
    party,
    station: id,
    connectionId: station.connectionId as never,
    commandId,
    action,
    payload: Buffer.from(JSON.stringify(payload)),
    deadline: Date.now() + 30_000,
    replyTo: newNodeId(),
  });
  return commandId;
}

const commandsAt = (station: TestStation) =>
  station.received.map((text) => JSON.parse(text) as [number, string]).filter(([type]) => type === 2);

describe("two directions", () => {
  test.each(versions)(
    "wire: %s: one CALL of ours is outstanding at a time, the next follows its answer",
    async (version) => {
      const station = await connect(version);
      const ids = [1, 2, 3].map(() => command(station, "ClearCache"));
      for (const [turn, expected] of ids.entries()) {
        await station.until(() => commandsAt(station).length > turn, waitMs);
        // Whatever is written is here by the time that this is answered.
        await station.until(beaten(station, turn), waitMs);
        expect(commandsAt(station).map(([, call]) => call)).toEqual(ids.slice(0, turn + 1));
        station.send([
          turn === 1 ? 4 : 3,
          expected,
          ...(turn === 1 ? ["GenericError", "", {}] : [{ status: "Accepted" }]),
        ]);
      }
      await station.until(() => kinds().filter((kind) => kind === "commandResult").length === 3, waitMs);
    },
  );

  /** Sends a Heartbeat and waits for its answer. */
  function beaten(station: TestStation, turn: number): () => boolean {
    station.send([2, `beat-${turn}`, "Heartbeat", {}]);
    return () => station.received.some((text) => text.startsWith(`[3,"beat-${turn}"`));
  }

  test.each(versions)(
    "wire: %s: several CALLs of a station at once are tolerated and answered in order",
    async (version) => {
      const station = await connect(version);
      for (let i = 0; i < 20; i++) station.send([2, `${i}`, "Heartbeat", {}]);
      await station.until(() => station.received.length === 20, waitMs);
      expect(station.received.map((text) => (JSON.parse(text) as unknown[])[1])).toEqual(
        Array.from({ length: 20 }, (_, i) => `${i}`),
      );
    },
  );

  test.each(versions)("wire: %s: CALLs that cross are both answered", async (version) => {
    const station = await connect(version);
    const commandId = command(station, "ClearCache");
    await station.until(() => commandsAt(station).length === 1, waitMs);
    // It answers ours only once its own, sent before, is answered.
    const answer = await station.call("mine", "Heartbeat", {});
    expect(answer.slice(0, 2)).toEqual([3, "mine"]);
    station.send([3, commandId, { status: "Accepted" }]);
    await station.until(() => kinds().includes("commandResult"), waitMs);
    // The other way round: ours leaves while a CALL of its waits for the log.
    const partition = 4;
    for (let i = 0; i < partition; i++) rig.log.holding.add(i);
    station.send([2, "held", "Heartbeat", {}]);
    command(station, "ClearCache");
    await station.until(() => rig.log.heldAppends() > 0, waitMs);
    rig.log.letGo();
    await station.until(() => station.received.some((text) => text.startsWith('[3,"held"')), waitMs);
    await station.until(() => commandsAt(station).length === 2, waitMs);
  });

  test("wire: ocpp2.1: a SEND may come at any time, also while CALLs wait in both directions", async () => {
    const station = await connect("ocpp2.1");
    const commandId = command(station, "ClearCache");
    await station.until(() => commandsAt(station).length === 1, waitMs);
    station.send([2, "mine", "Heartbeat", {}]);
    station.send([6, "s", "NotifyPeriodicEventStream", sample("ocpp2.1", "NotifyPeriodicEventStream")]);
    station.send([3, commandId, { status: "Accepted" }]);
    await station.until(() => kinds().includes("commandResult"), waitMs);
    const actions = rig.log.frames().flatMap((record) => (record.kind === "exchange" ? [record.action] : []));
    expect(actions).toEqual(["Heartbeat", "NotifyPeriodicEventStream"]);
  });

  test.each([
    ["ocpp1.6", "OccurenceConstraintViolation"],
    ["ocpp1.6", "OccurrenceConstraintViolation"],
    ["ocpp2.0.1", "FormationViolation"],
    ["ocpp2.1", "FormatViolation"],
  ] as const)("wire: %s: a CALLERROR is understood in either spelling (%s)", async (version, code) => {
    const station = await connect(version);
    const commandId = command(station, "ClearCache");
    await station.until(() => commandsAt(station).length === 1, waitMs);
    station.send([4, commandId, code]);
    await station.until(() => kinds().includes("commandResult"), waitMs);
    expect(kinds()).not.toContain("quarantined");
  });
});

describe("before acceptance", () => {
  test.each(versions)("wire: %s: a registered station that never booted here is served", async (version) => {
    await register("accepted");
    const station = await connect(version);
    expect(await station.call("1", "Heartbeat", {})).toMatchObject([3, "1", {}]);
  });

  const refusals = of2x.flatMap((version) =>
    (["pending", "rejected"] as const).map((word) => [version, word] as const),
  );

  test.each(refusals)(
    "wire: %s: SecurityError only once we answered the boot %s, also on its next connection",
    async (version, acceptance) => {
      await register(acceptance);
      const first = await connect(version);
      expect(await first.call("1", "Heartbeat", {})).toMatchObject([3, "1", {}]);
      const status = acceptance === "pending" ? "Pending" : "Rejected";
      expect(await first.call("2", "BootNotification", boot(version))).toMatchObject([3, "2", { status }]);
      expect((await first.call("3", "Heartbeat", {})).slice(0, 3)).toEqual([4, "3", "SecurityError"]);
      await first.until(() => rig.registry.find(party, "station", id)?.doc.wasRefused === true, waitMs);
      const second = await connect(version);
      expect((await second.call("4", "Heartbeat", {})).slice(0, 3)).toEqual([4, "4", "SecurityError"]);
      await register("accepted");
      expect(await second.call("5", "Heartbeat", {})).toMatchObject([3, "5", {}]);
    },
  );

  test.each(of2x)("wire: %s: what we ask a Pending station for is served", async (version) => {
    await register("pending");
    const station = await connect(version);
    await station.call("1", "BootNotification", boot(version));
    const report = sample(version, "NotifyReport");
    expect((await station.call("2", "NotifyReport", report)).slice(0, 3)).toEqual([4, "2", "SecurityError"]);
    const asked = [
      command(station, "GetBaseReport", { requestId: 1, reportBase: "FullInventory" }),
      command(station, "TriggerMessage", { requestedMessage: "StatusNotification" }),
    ];
    for (const [turn, commandId] of asked.entries()) {
      await station.until(() => commandsAt(station).length > turn, waitMs);
      station.send([3, commandId, { status: "Accepted" }]);
    }
    await station.until(() => kinds().filter((kind) => kind === "commandResult").length === 2, waitMs);
    expect(await station.call("3", "NotifyReport", report)).toEqual([3, "3", {}]);
    expect(await station.call("4", "StatusNotification", sample(version, "StatusNotification"))).toEqual([3, "4", {}]);
    expect((await station.call("5", "Heartbeat", {})).slice(0, 3)).toEqual([4, "5", "SecurityError"]);
  });

  test.each(["pending", "rejected"] as const)(
    "wire: ocpp1.6: while %s, transaction messages are answered and kept",
    async (acceptance) => {
      await register(acceptance);
      const station = await connect("ocpp1.6");
      await station.call("1", "BootNotification", boot("ocpp1.6"));
      for (const action of ["StartTransaction", "MeterValues", "StopTransaction"]) {
        expect((await station.call(action, action, sample("ocpp1.6", action))).slice(0, 2)).toEqual([3, action]);
      }
      const kept = rig.log.frames().flatMap((record) => (record.kind === "exchange" ? [record.action] : []));
      expect(kept).toEqual(["BootNotification", "StartTransaction", "MeterValues", "StopTransaction"]);
    },
  );

  test.each(versions)("wire: %s: an accepted station need not boot again after a reconnect", async (version) => {
    await register("accepted");
    const first = await connect(version);
    await first.call("1", "BootNotification", boot(version));
    first.destroy();
    const second = await connect(version);
    expect(await second.call("2", "Heartbeat", {})).toMatchObject([3, "2", {}]);
  });
});

describe("transactions and time", () => {
  const insane = [null, [], "x", 7, {}, { transactionInfo: 1, connectorId: "x", timestamp: {}, meterValue: [[]] }];

  test.each(versions)("wire: %s: transaction messages are answered however insane", async (version) => {
    await rig.log.append(rig.log.topics.registry, 0, [
      changeOf(party, "station", id, { id, acceptance: "accepted", validation: "lenient" }),
    ]);
    const station = await connect(version);
    const of = version === "ocpp1.6" ? ["StartTransaction", "StopTransaction"] : ["TransactionEvent"];
    for (const action of [...of, "MeterValues"]) {
      for (const [turn, payload] of insane.entries()) {
        expect((await station.call(`${action}${turn}`, action, payload))[0]).toBe(3);
      }
    }
  });

  const good = [
    "2026-01-31T23:59:59Z",
    "2026-01-31T23:59:59.123456789Z",
    "2026-01-31T23:59:59+05:30",
    "0001-01-01T00:00:00Z",
    "2026-01-31T23:59:59+03",
  ];
  const odd = ["2026-01-31T23:59:59", "2026-01-31 23:59:59", "31.01.2026", ""];

  const status = (version: Protocol, timestamp: string) =>
    version === "ocpp1.6"
      ? { connectorId: 1, errorCode: "NoError", status: "Available", timestamp }
      : { evseId: 1, connectorId: 1, connectorStatus: "Available", timestamp };

  test.each(versions)(
    "wire: %s: times with fractions and offsets are by the book, other forms are served in lenient",
    async (version) => {
      for (const validation of ["strict", "lenient"] as const) {
        await rig.change("station", id, { id, acceptance: "accepted", validation });
        const station = await connect(version);
        for (const [turn, time] of good.entries()) {
          const answer = await station.call(`${validation}${turn}`, "StatusNotification", status(version, time));
          expect([time, answer[0]]).toEqual([time, 3]);
        }
        for (const [turn, time] of odd.entries()) {
          const answer = await station.call(`${validation}-odd${turn}`, "StatusNotification", status(version, time));
          expect([time, answer[0]]).toEqual([time, validation === "strict" ? 4 : 3]);
        }
      }
    },
  );
});
