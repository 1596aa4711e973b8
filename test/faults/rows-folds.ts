// What folds are given twice, late, by several, unreadable, and at wrong times.
import { join } from "node:path";

import type { QuarantineView, SessionView } from "../harness/rest.ts";
import { logKey, trusted } from "../../core/ids/ids.ts";
import { partitionOf } from "../../core/log/partition.ts";
import { party } from "../harness/gateway.ts";
import { projectRoot } from "../harness/paths.ts";
import { bootedStation, type TestStation } from "../harness/station.ts";
import { eventually, lastAnswer, sleep } from "../harness/wait.ts";
import { type FaultWorld } from "./fault-world.ts";
import { partitions } from "./partitions.ts";
import { stationOf } from "./probe.ts";
import type { Injection, Row } from "./row.ts";
import { loseCommits } from "./rows-servers.ts";

const processors = ["processor-1", "processor-2"];
/** What a fold that was restarted has to catch up with, on a machine that is busy with all roles and others. */
const patience = { timeoutMs: 120_000, everyMs: 200 };
/** Of a partition: more than one batch of a fold that keeps up. */
const copies = 200;

export const repeated: Row = {
  name: "duplicate delivery, offsets rewound, rebalance storm, zombie consumer",
  async inject(injection) {
    await writeAgain(injection);
    await rewound(injection);
    await rebalanceStorm(injection);
    await zombie(injection);
  },
};

/** Where the server had written everything by chance, nothing was lost: then once more. */
const lossAttempts = 3;
const noticedWithinMs = 15_000;

async function rewound(injection: Injection): Promise<void> {
  const { world, must } = injection;
  const before = await rewinds(world);
  let noticed = false;
  for (let attempt = 0; attempt < lossAttempts && !noticed; attempt++) {
    await loseCommits(injection);
    const now = await lastAnswer(
      () => rewinds(world),
      (count) => count > before,
      { timeoutMs: noticedWithinMs },
    );
    noticed = now > before;
  }
  must("no fold noticed that commits were lost", noticed);
}

async function rewinds(world: FaultWorld): Promise<number> {
  const of = (role: string) => world.metric(role, "ocpp_log_anomalies_total", 'kind="storeRewound"');
  return (await of("processor")) + (await of("projector"));
}

/** As a producer does that has not heard of its receipts, but for so many records and so late. */
async function writeAgain({ world, injected }: Injection): Promise<void> {
  const { log } = world.parts;
  const { frames } = log.topics;
  let count = 0;
  for (let partition = 0; partition < partitions; partition++) {
    const end = await log.endOffset(frames, partition);
    for await (const { records } of log.read(frames, partition, Math.max(0, end - copies), end)) {
      const again = records.map(({ key, value }) => ({ key, value }));
      if (again.length > 0) await log.append(frames, partition, again);
      count += again.length;
    }
  }
  injected(`duplicate delivery: ${count} records stand in the log again`);
}

async function rebalanceStorm({ world, rng, size, injected, heals }: Injection): Promise<void> {
  for (let round = 0; round < (size === "quick" ? 2 : 6); round++) {
    const name = processors[rng.int(0, 1)]!;
    // Also longer than the ten seconds for which its partitions are kept; in short so does the zombie.
    const awayMs = size === "full" && round % 2 === 0 ? 12_000 : rng.int(100, 2_000);
    await world.cluster.end(name, rng.chance(0.5) ? "SIGKILL" : "SIGTERM");
    await sleep(awayMs);
    heals();
    await world.cluster.start(name);
    injected(`rebalance: ${name} was away for ${Math.round(awayMs / 1_000)} s`);
  }
}

/** It stands still past its lease, with whatever it has in hand, while another folds its partitions. */
async function zombie({ world, injected, heals }: Injection): Promise<void> {
  process.kill(world.pid("processor-2"), "SIGSTOP");
  try {
    injected("zombie consumer: SIGSTOP of processor-2");
    await eventually(
      "its partitions to be folded by the other",
      async () => {
        const owners = await world.query("select distinct owner from assignment where role = 'processor'");
        return owners.every(({ owner }) => owner === "processor-1");
      },
      patience,
    );
    await sleep(2_000);
  } finally {
    heals();
    process.kill(world.pid("processor-2"), "SIGCONT");
  }
}

export const poison: Row = {
  name: "poison frame at each stage",
  async inject(injection) {
    const { world, prefix, injected, heals, must } = injection;
    const mark = `${prefix}POISON`;
    const url = world.parts.front.url;
    const broken = { NODE_OPTIONS: `--import ${join(projectRoot, "test/faults/poison-fold.ts")}`, TEST_POISON: mark };
    await Promise.all(
      processors.map(async (name) => {
        await world.cluster.end(name, "SIGTERM");
        await world.cluster.start(name, broken);
      }),
    );
    await using station = await bootedStation({ url, id: mark });
    station.sendRaw("[2,");
    injected("bytes that are no message");
    const key = logKey(party, trusted.station(mark));
    const { log } = world.parts;
    const partition = partitionOf(key, partitions);
    await log.append(log.topics.frames, partition, [{ key, value: Buffer.from("no record") }]);
    injected("a record that cannot be decoded");
    await charge(station);
    injected("a record that cannot be folded");
    const rows = await eventually(
      "three rows in quarantine",
      async () => {
        const found = await world.rest.all<QuarantineView>(`/quarantine?station=${mark}`);
        return found.length >= 3 && found;
      },
      patience,
    );
    const stages = rows.map(({ stage }) => stage).toSorted();
    must(`rows of ${stages.join()}`, stages.join() === "decode,fold,gateway");
    must("the poisoned start made a session", (await sessionsOf(world, mark)).length === 0);
    await neighbourCharges(injection, stationOf(`${prefix}NEXT`, partition));
    heals();
    await Promise.all(processors.map((name) => world.cluster.restart(name, "SIGTERM")));
    const held = rows.find(({ stage }) => stage === "fold");
    if (held) await world.rest.post(`/quarantine/${encodeURIComponent(held.id)}/redrive`, {});
    const [session] = await eventually(
      "the redriven session",
      async () => {
        const found = await sessionsOf(world, mark);
        return found.some(({ status }) => status === "completed") && found;
      },
      patience,
    );
    must(`the redriven session has ${session?.energyWh} Wh`, session?.energyWh === 3_000);
  },
};

/** In the same partition, behind the poison. */
async function neighbourCharges({ world, must }: Injection, id: string): Promise<void> {
  await using station = await bootedStation({ url: world.parts.front.url, id });
  await charge(station);
  const [session] = await eventually("the neighbour's session", async () => {
    const found = await sessionsOf(world, id);
    return found.some(({ status }) => status === "completed") && found;
  });
  must(`a neighbour's session has ${session?.energyWh} Wh`, session?.energyWh === 3_000);
}

async function sessionsOf(world: FaultWorld, station: string): Promise<readonly SessionView[]> {
  return world.rest.all<SessionView>(`/sessions?station=${station}`);
}

async function charge(station: TestStation): Promise<void> {
  const at = (minute: number): string => new Date(Date.UTC(2026, 2, 1, 10, minute)).toISOString();
  const start = { connectorId: 1, idTag: "TAG", meterStart: 500, timestamp: at(0) };
  const { transactionId } = await station.call<{ transactionId: number }>("StartTransaction", start);
  await station.call("StopTransaction", { transactionId, timestamp: at(20), meterStop: 3_500 });
}
