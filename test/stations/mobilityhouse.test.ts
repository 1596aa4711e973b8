// PyPI `ocpp`, which checks every answer of ours against its schemas.
import { join } from "node:path";
import { beforeAll, expect, onTestFinished, test } from "vitest";

import { Child } from "../harness/process.ts";
import { onEachSystem } from "../harness/system.ts";
import { eventually } from "../harness/wait.ts";
import { kitFolder, pythonWithKits } from "./python-kit.ts";
import { driveSession } from "./session.ts";

let kits: ReturnType<typeof pythonWithKits>;
beforeAll(() => {
  kits = pythonWithKits();
}, 180_000);

interface Said {
  readonly event: string;
  readonly [field: string]: unknown;
}

const cases = [
  { protocol: "ocpp1.6", version: "1.6", script: "station_16.py" },
  { protocol: "ocpp2.0.1", version: "2.x", script: "station_2x.py" },
  { protocol: "ocpp2.1", version: "2.x", script: "station_2x.py" },
] as const;

onEachSystem("the mobilityhouse kit", (system) => {
  for (const { protocol, version, script } of cases) {
    test(`a ${protocol} station of the mobilityhouse kit charges, started and stopped through REST`, async (context) => {
      if ("missing" in kits) return context.skip(kits.missing);
      const id = `PY-${protocol}`;
      const station = new Child(
        kits.python,
        [join(kitFolder, script), system().gateways[0].url, id, protocol].slice(0, version === "1.6" ? 3 : 4),
      );
      onTestFinished(() => station.signal("SIGKILL"));
      const said = (event: string): Promise<Said> =>
        eventually(
          `the kit to say ${event}`,
          () => {
            if (station.exit) throw new Error(`the kit ended\n${station.words()}`);
            return linesOf(station.stdout).find((line) => line.event === event);
          },
          { timeoutMs: 15_000 },
        );
      expect(await said("ready")).toMatchObject({ boot: "Accepted", token: "Accepted" });
      await driveSession(system(), id, version, { charging: () => said("charging"), stopped: () => said("stopped") });
      expect(await system().rest.get(`/stations/${id}`)).toMatchObject({
        vendor: "MobilityHouse",
        model: "Kit",
        protocol,
      });
      expect(station.stderr, "complaints of the kit").not.toMatch(/Error|Traceback/);
    });
  }
});

function linesOf(text: string): Said[] {
  const whole = text.split("\n").slice(0, -1);
  return whole.map((line) => JSON.parse(line) as Said);
}
