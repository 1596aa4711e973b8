// Stations that come from another CSMS: they were accepted there, reconnect to here and have no reason to boot (decision 0013).
// A station of our own, for no kit lets a test leave its boot out. All wait at once, for most of each test is waiting.
import { test } from "vitest";

import { boot16, boot2x, TestStation, type Protocol, type ReceivedCommand } from "../harness/station.ts";
import { onEachSystemAtOnce, type System } from "../harness/system.ts";
import { eventually } from "../harness/wait.ts";

interface Station {
  readonly vendor: string | null;
  readonly model: string | null;
  readonly online: boolean;
}

interface Variables {
  readonly items: readonly Readonly<Record<string, unknown>>[];
}

async function moved(
  { rest, gateways }: System,
  protocol: Protocol,
  name: string,
  onCommand: (command: ReceivedCommand) => object,
): Promise<TestStation> {
  const id = `MOVED-${name}-${protocol}`;
  const { status, body } = await rest.send("POST", "/stations", { id });
  if (status !== 201) throw new Error(`POST /stations: ${status} ${JSON.stringify(body)}`);
  return TestStation.connect({ url: gateways[0].url, id, protocol, onCommand });
}

const versions = ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"] as const;
const asked = (station: TestStation) => station.commands.map(({ action }) => action);

onEachSystemAtOnce("a fleet that moved here", (system) => {
  test.concurrent.for(versions)(
    "wire: %s: a registered station that never booted here is served, and asked for its boot once",
    async (protocol, { expect }) => {
      await using station = await moved(system(), protocol, "BOOTS", () => ({ status: "Accepted" }));
      expect(await station.call("Heartbeat", {})).toHaveProperty("currentTime");
      await eventually("the question for its boot", () => station.commands.length > 0);
      expect(station.commands).toMatchObject([
        { action: "TriggerMessage", payload: { requestedMessage: "BootNotification" } },
      ]);
      await station.call("BootNotification", protocol === "ocpp1.6" ? boot16 : boot2x);
      const { rest } = system();
      await eventually("the station's model", async () => {
        const { body } = await rest.send<Station>("GET", `/stations/${station.id}`);
        return body.online && body.vendor === "TestVendor" && body.model === "TestModel";
      });
      station.vanish();
      await using again = await TestStation.connect({ url: system().gateways[0].url, id: station.id, protocol });
      await again.call("Heartbeat", {});
      // Longer than the fold waits before it asks.
      await new Promise((resolve) => setTimeout(resolve, 8_000));
      expect([...asked(station), ...asked(again)]).toEqual(["TriggerMessage"]);
    },
  );

  test.concurrent.for(versions)(
    "wire: %s: where it cannot be asked to boot, its data come from its configuration",
    async (protocol, { expect }) => {
      const is16 = protocol === "ocpp1.6";
      const key = { key: "ChargePointModelName", readonly: true, value: "M-1" };
      await using station = await moved(system(), protocol, "DATA", ({ action }) =>
        action === "TriggerMessage"
          ? { error: "NotImplemented" }
          : is16
            ? { configurationKey: [key] }
            : { status: "Accepted" },
      );
      expect(await station.call("Heartbeat", {})).toHaveProperty("currentTime");
      await eventually("the question for its data", () => station.commands.length > 1);
      expect(asked(station)).toEqual(["TriggerMessage", is16 ? "GetConfiguration" : "GetBaseReport"]);
      const { requestId } = station.commands[1]!.payload as { requestId?: number };
      const reportData = [
        {
          component: { name: "ChargingStation" },
          variable: { name: "Model" },
          variableAttribute: [{ type: "Actual", value: "M-1" }],
        },
      ];
      const report = { requestId, generatedAt: new Date().toISOString(), seqNo: 0, tbc: false, reportData };
      if (!is16) await station.call("NotifyReport", report);
      await eventually("its data", async () => {
        const { body } = await system().rest.send<Variables>("GET", `/stations/${station.id}/configuration`);
        return JSON.stringify(body.items).includes('"M-1"');
      });
    },
  );
});
