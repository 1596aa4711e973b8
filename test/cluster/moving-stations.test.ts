// Promise 4 where it is hardest: three gateways, two apis, and a station that is elsewhere when its command arrives.
//
// What each test holds is seen by breaking it: test/mutants/any-api-ends.patch (caught here by name), each-request-wakes.patch
// (caught here mostly, in processors/commands/commands.test.ts always), call-sent-twice.patch (the random moves), and command-check.ts without its comparison (two commands).
import { expect, test } from "vitest";

import { commandIdOf, trusted } from "../../core/ids/ids.ts";
import { party } from "../harness/gateway.ts";
import { eventually, sleep } from "../harness/wait.ts";
import { ask, ended, judge, runMoves, type Asked } from "./moving-run.ts";
import { commandOf, MovingStation } from "./moving-station.ts";
import { useOwnCluster } from "./own-cluster.ts";

const cluster = useOwnCluster({
  roles: ["gateway", "gateway", "gateway", "processor", "projector", "api", "api"],
});

/** Of what must end by the move or the answer, and by no deadline, however slow the machine is. */
const timeoutSeconds = 30;

async function stationAt(gateway: number, id: string): Promise<MovingStation> {
  const station = new MovingStation(id);
  await station.moveTo(cluster().gateways[gateway]!);
  await cluster().rests[1]!.online(id);
  return station;
}

/** @returns what the log has of a command, oldest first. */
async function recordsOf(commandId: string): Promise<string[]> {
  const frames = await cluster().frames();
  return frames.flatMap((record) => ("commandId" in record && record.commandId === commandId ? [record.kind] : []));
}

for (const [way, key] of [
  ["woken by the api", undefined],
  ["woken by the processor, under a key", "frozen-key"],
] as const) {
  test(`a station that moves between request and send, ${way}: not_connected, and nothing is sent`, async () => {
    await using station = await stationAt(0, `FROZEN-${key ?? "none"}`);
    cluster().freeze("gateway-1");
    let asked: Asked;
    try {
      asked = await ask(cluster(), 1, station.id, "while frozen", { key, timeoutSeconds });
      expect(asked.status).toBe(202);
      await station.moveTo(cluster().gateways[2]!);
      // Within the lease: the node that wakes up still takes commands.
      await sleep(500);
    } finally {
      cluster().thaw("gateway-1");
    }
    const done = await ended(cluster(), asked.id!);
    expect(done).toMatchObject({ status: "done", outcome: "not_connected" });
    expect(station.received).toEqual([]);
    // The station is commanded where it is now.
    const next = await ask(cluster(), 1, station.id, "after the move", { wait: 30, timeoutSeconds });
    expect(next.body).toMatchObject({ outcome: "accepted" });
    expect(station.received.map(({ value }) => value)).toEqual(["after the move"]);
  });
}

// While the projector sleeps an api does not know what the other one was asked, and writes a request of its own.
test("the key again at the other api, which does not know of it: neither bound anew nor ended (C1, C2, C4)", async () => {
  await using bound = await stationAt(0, "BOUND");
  await using left = await stationAt(1, "LEFT");
  left.manner = () => "never";
  const asked: Promise<Asked>[] = [];
  const askTwice = async (station: MovingStation, between: () => Promise<void>): Promise<void> => {
    const id = commandIdOf(party, trusted.station(station.id), "twice");
    const requested = (times: number) =>
      eventually(
        `request ${times}`,
        async () => (await recordsOf(id)).filter((k) => k === "commandRequested").length === times,
      );
    for (const [api, then] of [between, () => Promise.resolve()].entries()) {
      asked.push(ask(cluster(), api, station.id, station.id, { key: "twice", timeoutSeconds: 6 }));
      await requested(api + 1);
      await then();
    }
  };
  cluster().freeze("projector-1");
  cluster().freeze("gateway-1");
  try {
    await Promise.all([
      askTwice(bound, () => bound.moveTo(cluster().gateways[2]!, "left open")),
      askTwice(left, async () => {
        await eventually("the CALL", () => left.received.length === 1);
        await left.leave();
        // Its gateway gives the station up: for the other api nobody holds it.
        await sleep(300);
      }),
    ]);
  } finally {
    cluster().thaw("gateway-1");
    cluster().thaw("projector-1");
  }
  const verdict = await judge(cluster(), { stations: [bound, left], asked: await Promise.all(asked) });
  expect(verdict.problems).toEqual([]);
  expect(verdict.commands).toBe(2);
  expect(verdict.outcomes).toMatchObject({ unknown: 1 });
  expect(left.received).toHaveLength(1);
});

test.concurrent("a station that moves between send and result: unknown, sent once, and an answer from elsewhere changes nothing", async () => {
  await using station = await stationAt(0, "SENT");
  station.manner = () => "never";
  const has = (id: string): boolean => station.received.some(({ commandId }) => commandId === id);
  const asked = await cluster().rests[1]!.commandReaching(station.id, commandOf("never again"), has);
  await station.moveTo(cluster().gateways[2]!);
  station.answer(asked.id);
  const done = await ended(cluster(), asked.id);
  expect(done).toMatchObject({ status: "done", outcome: "unknown" });
  expect(station.received).toHaveLength(1);
  expect(await recordsOf(asked.id)).toEqual(["commandRequested", "commandSent"]);
});

test.concurrent("one key at both apis while the station moves: one CALL, and both callers hear the same of it", async () => {
  const rounds = await Promise.all(
    Array.from({ length: 6 }, async (_, i) => {
      await using station = await stationAt(i % 3, `KEY-${i}`);
      const both = [0, 1].map((api) => ask(cluster(), api, station.id, `round ${i}`, { key: `key-${i}`, wait: 30 }));
      await sleep(i * 8);
      await station.moveTo(cluster().gateways[(i + 1) % 3]!);
      const [first, second] = await Promise.all(both);
      expect(first!.body.id).toBe(second!.body.id);
      expect(first!.body, `round ${i}`).toMatchObject({ status: "done", outcome: second!.body.outcome });
      return { calls: station.received.length, outcome: first!.body.outcome };
    }),
  );
  for (const { calls, outcome } of rounds) {
    expect(calls, `CALLs of one that is ${outcome}`).toBeLessThanOrEqual(outcome === "not_connected" ? 0 : 1);
  }
});

test.concurrent("two commands under one key at both apis: one is sent, the other caller is refused, whoever was first", async () => {
  const winners = await Promise.all(
    Array.from({ length: 6 }, async (_, i) => {
      await using station = await stationAt(i % 3, `TWO-${i}`);
      const both = await Promise.all(
        [0, 1].map((api) =>
          ask(cluster(), api, station.id, `round ${i} of api ${api}`, {
            key: `two-${i}`,
            wait: 30,
            timeoutSeconds,
          }),
        ),
      );
      const [won, lost] = both.toSorted((a, b) => a.status - b.status);
      expect([won!.status, lost!.status]).toEqual([202, 422]);
      expect(lost!.body).toMatchObject({
        path: "/idempotencyKey",
        detail: expect.stringContaining(won!.body.id) as string,
      });
      expect((await ended(cluster(), won!.id!)).outcome).toBe("accepted");
      expect(station.received.map(({ value }) => value)).toEqual([won!.value]);
      for (const api of [0, 1]) {
        const again = await ask(cluster(), api, station.id, lost!.value, { key: `two-${i}` });
        expect(again.status).toBe(422);
      }
      return won!.api;
    }),
  );
  expect(winners).toHaveLength(6);
});

test.concurrent("stations that move 120 times at random moments with commands in flight: never two CALLs, never two records of one, always one outcome", async () => {
  const run = await runMoves(cluster(), { seed: 20_261, stations: 10, moves: 12 });
  const verdict = await judge(cluster(), run);
  expect(verdict.problems, `seed 20261: ${JSON.stringify(verdict.outcomes)}`).toEqual([]);
  expect(verdict.moves).toBe(120);
  expect(verdict.commands).toBeGreaterThanOrEqual(100);
  // What was in flight met the move before, in, and after the sending.
  expect(Object.keys(verdict.outcomes)).toEqual(expect.arrayContaining(["accepted", "not_connected", "unknown"]));
  expect(verdict.refused).toBeGreaterThan(0);
  await Promise.all(run.stations.map((station) => station[Symbol.asyncDispose]()));
});
