// Three processors of a cluster that share nine partitions, and a small fleet that keeps them busy.
import { expect } from "vitest";

import { runCommand } from "../harness/cli.ts";
import { startFleet, type FleetRun } from "../harness/fleet.ts";
import { eventually } from "../harness/wait.ts";
import { useOwnCluster } from "./own-cluster.ts";
import { ownersNow } from "./owners.ts";

export const processors = ["processor-1", "processor-2", "processor-3"];
const partitions = 9;

/** One partition changes hands a second, and a process that came late was missed for a lease. */
const sharedWithin = { timeoutMs: 120_000 };

export function useThreeProcessors() {
  const cluster = useOwnCluster({
    roles: ["gateway", "processor", "processor", "processor", "projector", "api"],
    partitions,
  });

  function fleetOf(journal: string, seconds: number, prefix: string): FleetRun {
    return startFleet(
      { ocppUrl: cluster().gateways[0]!, httpUrl: cluster().processes.consoleUrl, token: cluster().processes.token },
      { stations: 24, seconds, prefix, protocol: "mixed", speed: 300, seed: 31, commands: 2, journal, reconnect: 0.05 },
    );
  }

  async function expectClean(journal: string): Promise<void> {
    const { code, stdout, stderr } = await runCommand(["verify", "--journal", journal, "--settle", "120"], {
      env: cluster().environment,
      timeoutMs: 240_000,
    });
    expect(code, `${stdout}\n${stderr}`).toBe(0);
  }

  /** Each of the three has three. */
  function shared(): Promise<ReadonlyMap<number, string>> {
    return eventually(
      "nine partitions to be shared by three",
      async () => {
        const owners = await ownersNow(cluster());
        const shares = processors.map((name) => [...owners.values()].filter((owner) => owner === name).length);
        return shares.every((share) => share === partitions / 3) ? owners : undefined;
      },
      sharedWithin,
    );
  }

  return { cluster, partitions, fleetOf, expectClean, shared };
}
