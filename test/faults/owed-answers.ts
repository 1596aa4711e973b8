// A gateway that dies between the log's receipt and its answer: the brokers have the record, what they say of it is held on its
// way. That it is so is read from the log before the gateway is killed; where nothing of it got there, it is done once more.
import type { SessionView } from "../harness/rest.ts";
import { bootedStation, type TestStation } from "../harness/station.ts";
import { eventually, lastAnswer } from "../harness/wait.ts";
import { detoured, type FaultWorld } from "./fault-world.ts";
import { connected } from "./load.ts";
import { partitions } from "./partitions.ts";
import { stationOf } from "./probe.ts";
import type { Injection } from "./row.ts";

/** A broker that had a batch in hand says so later, and what comes next waits for it: then nothing gets into the log. */
const attempts = 6;
/** Below the hold, after which its stations are closed. */
const inLogWithinMs = 5_000;
const meterStart = 500;
const meterStop = 3_500;

interface Owed {
  readonly station: TestStation;
  readonly start: { readonly id: string; readonly text: string };
}

/** Kills the gateway with answers that it owes; their stations come again with the same CALL, and charge once. */
export async function killBetweenReceiptAndAnswer(injection: Injection): Promise<void> {
  const { world, load, prefix, injected, heals, must } = injection;
  await connected(world, load.stations);
  let killed: readonly Owed[] = [];
  let logged = 0;
  for (let attempt = 0; attempt < attempts && logged === 0; attempt++) {
    killed = await startsOn(world, `${prefix}OWED${attempt}N`);
    logged = await killOwing(injection, killed, `${prefix}OWED${attempt}N`);
  }
  must("no CALL was in the log whose answer its station never got", logged > 0);
  injected(`kill -9 of ${detoured}, which owes ${logged} answers of what is in the log`);
  heals();
  await world.cluster.start(detoured);
  await Promise.all(killed.map((owed) => chargesOnce(injection, owed)));
}

/** One for each partition, and a start that it is about to send. */
async function startsOn(world: FaultWorld, prefix: string): Promise<readonly Owed[]> {
  const url = world.cluster.of(detoured).url!;
  const ids = Array.from({ length: partitions }, (_, partition) => stationOf(prefix, partition));
  return Promise.all(
    ids.map(async (id) => {
      const station = await bootedStation({ url, id });
      const begin = { connectorId: 1, idTag: "TAG", meterStart, timestamp: new Date().toISOString() };
      return { station, start: station.frame("StartTransaction", begin) };
    }),
  );
}

/** @returns how many of the starts are in the log and were not answered: where none is, the gateway lives on. */
async function killOwing({ world }: Injection, owing: readonly Owed[], prefix: string): Promise<number> {
  const { detours } = world.parts;
  const from = await world.ends();
  const inLog = async () => (await world.frames(prefix, from)).filter(({ record }) => record.kind === "exchange");
  for (const relay of detours) relay.hold(["back"]);
  try {
    for (const { station, start } of owing) station.sendRaw(start.text);
    const logged = await lastAnswer(inLog, (frames) => frames.length > 0, { timeoutMs: inLogWithinMs });
    if (logged.length === 0) return 0;
    await world.cluster.end(detoured, "SIGKILL");
  } finally {
    for (const relay of detours) relay.release();
  }
  await Promise.all(owing.map(({ station }) => station.closed));
  const answered = new Set(
    owing.flatMap(({ station, start }) => (station.answersTo(start.id).length > 0 ? [station.id] : [])),
  );
  return (await inLog()).filter(({ record }) => !answered.has(record.station)).length;
}

/** The same CALL on a new connection, then the end: one session of what the meter says, whether the log had the first or not. */
async function chargesOnce({ world, must }: Injection, { station: { id }, start }: Owed): Promise<void> {
  await using station = await eventually(
    `${id} to be served again`,
    () => bootedStation({ url: world.parts.front.url, id }),
    { timeoutMs: 60_000, everyMs: 500 },
  );
  const { frame } = await station.exchange(start);
  const { transactionId } = frame[2] as { readonly transactionId: number };
  await station.call("StopTransaction", { transactionId, meterStop, timestamp: new Date().toISOString() });
  const sessions = await lastAnswer(
    () => world.rest.all<SessionView>(`/sessions?station=${id}`),
    (found) => found.some(({ status }) => status === "completed"),
  );
  const said = sessions.map(({ status, energyWh }) => `${status} ${energyWh} Wh`).join();
  must(`${id} charged once and has sessions: ${said}`, said === `completed ${meterStop - meterStart} Wh`);
}
