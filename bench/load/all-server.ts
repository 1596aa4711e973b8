// Process: wattlog as `npm start` runs it, every role in it.
import { startAll, type RunningWattlog } from "../../deploy/roles/all.ts";
import { LogProbe } from "./log-probe.ts";
import { serve } from "./process.ts";
import { liftStationRate, loadSettings } from "./settings.ts";
import type { Target, TargetAddress, TargetOptions } from "./targets.ts";
import { cpuUsage, memoryUsage } from "./usage.ts";

const probe = new LogProbe();
let running: RunningWattlog | undefined;

async function start({ folder, timeAppends }: TargetOptions): Promise<TargetAddress> {
  liftStationRate();
  probe.watchStart();
  if (timeAppends) probe.timeAppends();
  running = await startAll(loadSettings(folder));
  running.failed.catch((error: unknown) => {
    console.error(error);
    process.exit(1);
  });
  const { hostname, port } = new URL(running.ocppUrl);
  return { host: hostname, port: Number(port), api: { url: running.httpUrl, token: running.token } };
}

serve<Target>(
  { start, cpu: () => cpuUsage(() => probe.cpu()), memory: memoryUsage, log: async () => probe.figures() },
  async () => running?.stop(),
);
