// PyPI `ocpp`, which checks every answer of ours against its schemas.
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";

import { onEachSystem } from "../harness/system.ts";
import { kitFolder, KitStation } from "./kit.ts";
import { pythonWithKits } from "./python-kit.ts";
import { driveSession } from "./session.ts";

let kits: Awaited<ReturnType<typeof pythonWithKits>>;
beforeAll(async () => {
  kits = await pythonWithKits();
}, 300_000);

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
      const args = [join(kitFolder, script), system().gateways[0].url, id, protocol];
      const station = new KitStation(kits.python, args.slice(0, version === "1.6" ? 3 : 4));
      expect(await station.said("ready")).toMatchObject({
        boot: "Accepted",
        token: "Accepted",
        extensions: ["permessage-deflate"],
      });
      const steps = { charging: () => station.said("charging"), stopped: () => station.said("stopped") };
      await driveSession(system(), id, version, steps);
      expect(await system().rest.get(`/stations/${id}`)).toMatchObject({
        vendor: "MobilityHouse",
        model: "Kit",
        protocol,
      });
      expect(station.complaints).not.toMatch(/Error|Traceback/);
    });
  }
});
