// What a scenario runs against: `npm start` on a folder of its own, or, where gateways are restarted, a cluster.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { startWattlog } from "../../test/harness/wattlog.ts";
import { ClusterWorld } from "../cluster-world.ts";
import type { ScenarioName, Target } from "./scenario.ts";

export interface StartedTarget extends Target, AsyncDisposable {}

export function startTarget(name: ScenarioName): Promise<StartedTarget> {
  return name === "rolling-drain" ? startCluster() : startOne();
}

async function startOne(): Promise<StartedTarget> {
  const folder = mkdtempSync(join(tmpdir(), "wattlog-k6-data-"));
  const running = await startWattlog({ folder });
  return {
    ocppUrls: [running.ocppUrl],
    httpUrl: running.httpUrl,
    token: running.token,
    async [Symbol.asyncDispose]() {
      await running.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

async function startCluster(): Promise<StartedTarget> {
  const world = await ClusterWorld.start({
    roles: ["gateway", "gateway", "processor", "projector", "api"],
    partitions: 4,
  });
  const { cluster } = world;
  const gateways = cluster.processes.filter(({ role }) => role === "gateway");
  return {
    ocppUrls: gateways.map(({ url }) => url ?? ""),
    httpUrl: cluster.consoleUrl,
    token: cluster.token,
    restarts: gateways.map(
      ({ name }) =>
        () =>
          cluster.restart(name, "SIGTERM"),
    ),
    [Symbol.asyncDispose]: () => world.stop(),
  };
}
