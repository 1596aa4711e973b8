// The random moves of moving-stations.test.ts, more of them, while gateways freeze within and past their lease.
import { expect, test } from "vitest";

import { Rng } from "../../bench/fleet/rng.ts";
import { sleep } from "../harness/wait.ts";
import { judge, runMoves } from "./moving-run.ts";
import { useOwnCluster, type OwnCluster } from "./own-cluster.ts";

const cluster = useOwnCluster({
  roles: ["gateway", "gateway", "gateway", "processor", "projector", "api", "api"],
});

/** One gateway at a time; longer than the lease of 6 s now and then. Ends with all of them awake. */
async function freezeGateways(of: OwnCluster, rng: Rng, until: AbortSignal): Promise<number> {
  let frozen = 0;
  while (!until.aborted) {
    await sleep(rng.int(300, 1_500));
    const name = rng.pick(["gateway-1", "gateway-2", "gateway-3"]);
    of.freeze(name);
    await sleep(rng.chance(0.3) ? rng.int(6_500, 9_000) : rng.int(200, 2_000));
    of.thaw(name);
    frozen++;
  }
  return frozen;
}

for (const seed of [1, 2, 3, 4]) {
  test(`300 moves while gateways freeze: one CALL, one record, one outcome of each command (seed ${seed})`, async () => {
    const over = new AbortController();
    const freezing = freezeGateways(cluster(), new Rng(seed).fork("freeze"), over.signal);
    const running = runMoves(cluster(), { seed, stations: 12, moves: 25 });
    const run = await running.finally(() => over.abort());
    expect(await freezing).toBeGreaterThan(2);
    const verdict = await judge(cluster(), run);
    expect(verdict.problems, `seed ${seed}: ${JSON.stringify(verdict.outcomes)}`).toEqual([]);
    expect(verdict.moves).toBe(300);
    expect(Object.keys(verdict.outcomes)).toEqual(expect.arrayContaining(["accepted", "not_connected", "unknown"]));
    await Promise.all(run.stations.map((station) => station[Symbol.asyncDispose]()));
  }, 300_000);
}
