import * as fc from "fast-check";
import { expect, test } from "vitest";

import { energyFromReadings } from "./transactions/energy.ts";
import { eventsOf, foldInto, t0, tablesOf, World, type Step } from "./folding.test-helper.ts";
import { ocppFold, type StationState } from "./ocpp-fold.ts";
import type { StationFold } from "./engine/station-fold.ts";
import { idOf, Line, nodeA, nodeB, other, register, at } from "./station.test-helper.ts";
import type { FrameRecord } from "../core/records/frame-record.ts";
import { unpack } from "../core/records/msgpack.ts";
import type { Reading } from "../core/records/domain-event.ts";
import { chainHash, chainStart } from "../core/records/domain-event.ts";
import { derivedId, newCommandId, trusted } from "../core/ids/ids.ts";

const worlds: World[] = [];

function newWorld(): World {
  const world = new World();
  worlds.push(world);
  return world;
}

/** Every example has worlds of its own, gone when it ends: a thousand open files are too many. */
async function alone(example: () => Promise<void>): Promise<void> {
  try {
    await example();
  } finally {
    for (const world of worlds.splice(0)) await world.end();
  }
}

/** What a station of either version may do next; numbers choose among it. */
function story(station: string, is2: boolean, choices: readonly number[]): FrameRecord[] {
  const records: FrameRecord[] = [];
  const api = other(station);
  let line = new Line(station, is2 ? "ocpp2.0.1" : "ocpp1.6", `${station}-0`);
  let connections = 1;
  let tx = 0;
  let seqNo = 0;
  const id = () => idOf({ timestamp: at(tx), meterStart: tx });
  records.push(line.connected(nodeA), line.claimed());
  for (const choice of choices) {
    const wh = records.length * 100;
    switch (choice % 12) {
      case 0:
        records.push(line.disconnected());
        line = new Line(station, line.protocol, `${station}-${connections++}`);
        records.push(line.connected(choice % 2 ? nodeA : nodeB), line.claimed());
        break;
      case 1:
      case 2:
        tx += 1;
        seqNo = 0;
        records.push(
          is2
            ? line.event("Started", `T${tx}`, seqNo++, register(0, "Transaction.Begin"))
            : line.start({ timestamp: at(tx), meterStart: tx }),
        );
        break;
      case 3:
      case 4:
      case 5:
        records.push(
          is2 ? line.event("Updated", `T${tx}`, seqNo++, register(wh)) : line.meter(id(), String(wh), records.length),
        );
        break;
      case 6:
        records.push(
          is2
            ? line.event("Ended", `T${tx}`, seqNo++, register(wh, "Transaction.End"))
            : line.stop(id(), { meterStop: wh }),
        );
        break;
      case 7:
        records.push(
          line.call("StatusNotification", {
            connectorId: 1,
            status: choice % 2 ? "Charging" : "Available",
            errorCode: "NoError",
            timestamp: at(1),
          }),
        );
        break;
      case 8:
        records.push(line.call("BootNotification", { chargePointVendor: "V", chargePointModel: "M" }));
        break;
      case 9:
        records.push(
          api.record({
            kind: "commandRequested",
            commandId: newCommandId(),
            connectionId: choice % 2 ? line.id : null,
            protocol: line.protocol,
            action: "Reset",
            payload: new TextEncoder().encode("{}"),
            timeoutMs: 5_000,
            idempotencyKey: "k",
            queueUntil: choice % 2 ? null : t0 + 600_000,
            origin: { via: "rest", actor: "t" },
            replyTo: null,
          }),
        );
        break;
      case 10:
        records.push(api.record({ kind: "tick", dueAt: t0 + records.length * 20_000 }));
        break;
      default:
        records.push(line.call("Heartbeat", {}));
    }
  }
  return records;
}

const stories = fc.tuple(
  fc.array(fc.nat(143), { minLength: 5, maxLength: 40 }),
  fc.array(fc.nat(143), { minLength: 5, maxLength: 40 }),
  fc.array(fc.boolean(), { maxLength: 80 }),
);

function interleaved([first, second, turns]: readonly [number[], number[], boolean[]]): Step[] {
  const [a, b] = [story("CS16", false, first), story("CS201", true, second)];
  const steps: Step[] = [];
  for (let turn = 0; a.length + b.length > 0; turn++) {
    const record = (turns[turn % Math.max(1, turns.length)] ? a.shift() : b.shift()) ?? a.shift() ?? b.shift();
    if (record) steps.push({ record, logTime: t0 + steps.length * 20_000 });
    if (turn === 25) {
      steps.push({
        record: {
          ...other("").record({ kind: "nodeLost", nodeId: nodeB }),
          party: trusted.party(""),
          station: trusted.station(""),
        },
        logTime: t0 + steps.length * 20_000,
      });
    }
  }
  return steps;
}

const runs = { numRuns: 60, endOnFailure: true };

test("F5: no event, state or table depends on how the records were batched", async () => {
  await fc.assert(
    fc.asyncProperty(
      stories,
      fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 6 }),
      (parts, sizes) =>
        alone(async () => {
          const world = newWorld();
          await world.write(interleaved(parts));
          const one = await tablesOf(await foldInto(world, [1]));
          expect(await tablesOf(await foldInto(world, sizes))).toEqual(one);
          expect(await tablesOf(await foldInto(world, [10_000]))).toEqual(one);
        }),
    ),
    runs,
  );
}, 120_000);

test("I2: a record that comes again, wherever, changes nothing but the count of what was skipped", async () => {
  await fc.assert(
    fc.asyncProperty(
      stories,
      fc.array(fc.tuple(fc.nat(), fc.nat()), { minLength: 1, maxLength: 10 }),
      (parts, repeats) =>
        alone(async () => {
          const steps = interleaved(parts);
          const plain = newWorld();
          await plain.write(steps);
          const withRepeats = newWorld();
          const again = [...steps];
          for (const [which, where] of repeats) {
            const from = which % again.length;
            const to = from + 1 + (where % (again.length - from));
            // A repeat has the log time of its neighbour, so that nothing else moves.
            again.splice(to, 0, { record: again[from]!.record, logTime: again[to - 1]!.logTime });
          }
          await withRepeats.write(again);
          const bodies = async (world: World) =>
            (await eventsOf(await foldInto(world, [7]))).map((e) => ({ ...e.body, logTime: e.logTime }));
          expect(await bodies(withRepeats)).toEqual(await bodies(plain));
        }),
    ),
    runs,
  );
}, 120_000);

test("L2: applied + skipped + quarantined + parked is the log's count, and the chain of every station is whole", async () => {
  await fc.assert(
    fc.asyncProperty(stories, (parts) =>
      alone(async () => {
        const world = newWorld();
        const steps = interleaved(parts);
        await world.write([...steps, ...steps.slice(-3)]);
        const store = await foldInto(world, [5]);
        const position = await store.reader.selectFrom("position").selectAll().executeTakeFirstOrThrow();
        expect(position.applied + position.skipped + position.quarantined + position.parked).toBe(steps.length + 3);
        expect(position.next).toBe(steps.length + 3);
        const chains = new Map<string, { sequence: number; hash: string }>();
        for (const event of await eventsOf(store)) {
          const before = chains.get(event.station) ?? { sequence: 0, hash: chainStart };
          expect(event.sequence).toBe(before.sequence + 1);
          expect(event.hash).toBe(chainHash(before.hash, event.party, event.station, event.cause));
          chains.set(event.station, event);
        }
      }),
    ),
    runs,
  );
}, 120_000);

test("F4: the energy of every CDR is what the side table of readings gives; promise 2: never two CDRs", async () => {
  await fc.assert(
    fc.asyncProperty(stories, (parts) =>
      alone(async () => {
        const world = newWorld();
        await world.write(interleaved(parts));
        const store = await foldInto(world, [50]);
        const events = await eventsOf(store);
        const sessions = new Set<string>();
        for (const { body, sequence } of events) {
          if (body.kind !== "cdrIssued") continue;
          const { cdr } = body;
          expect(sessions.has(cdr.sessionId)).toBe(false);
          sessions.add(cdr.sessionId);
          const offset = Number(
            /:(\d+)\//.exec(events.find((e) => e.sequence === sequence && e.body === body)!.cause)![1],
          );
          const rows = await store.reader
            .selectFrom("reading")
            .selectAll()
            .where("session_id", "=", cdr.sessionId)
            .where("record_offset", "<=", offset)
            .orderBy("record_offset")
            .execute();
          expect(cdr.energyMwh).toBe(energyFromReadings(rows.map((row) => unpack(row.readings) as Reading[])));
        }
      }),
    ),
    runs,
  );
}, 120_000);

/** Throws on the records that a test calls poison. The product has no such switch. */
function poisoned(isPoison: (record: FrameRecord) => boolean): StationFold<StationState> {
  return {
    ...ocppFold,
    evolve(state, record, context) {
      const after = ocppFold.evolve(state, record, context);
      // After the fold: what it concluded must be forgotten.
      if (isPoison(record)) throw new Error("poison");
      return after;
    },
  };
}

test("Q1, F5: with poison anywhere the tables still do not depend on batches, and a rebuild with the holds gives them", async () => {
  await fc.assert(
    fc.asyncProperty(stories, fc.array(fc.nat(), { minLength: 1, maxLength: 4 }), (parts, picks) =>
      alone(async () => {
        const world = newWorld();
        const steps = interleaved(parts);
        const poison = new Set(picks.map((pick) => steps[pick % steps.length]!.record).filter((r) => r.station !== ""));
        const ids = new Set([...poison].map((r) => `${r.source}/${r.sequence}`));
        const api = other("CS16");
        for (const [index, { record }] of steps.entries()) {
          if (!poison.has(record) || record.station !== "CS16") continue;
          const quarantineId = derivedId("quarantine", "ocpp.frames.g1", "0", String(index));
          const kind = index % 2 ? "redrive" : "release";
          steps.push({ record: api.record({ kind, quarantineId, actor: "t" }), logTime: steps.at(-1)!.logTime + 1000 });
        }
        await world.write(steps);
        const isPoison = (r: FrameRecord) => ids.has(`${r.source}/${r.sequence}`);
        const one = await foldInto(world, [1], poisoned(isPoison));
        const tables = await tablesOf(one);
        expect(await tablesOf(await foldInto(world, [9, 3], poisoned(isPoison)))).toEqual(tables);
        // The fold that failed is repaired since: the rebuild holds what was held, as long as it was.
        const holds = await one.reader.selectFrom("quarantine").selectAll().execute();
        const { refold } = await import("./refold.ts");
        const into = await world.store();
        const registry = await world.view();
        await refold({
          log: world.log,
          registry,
          into,
          partitions: [0],
          upTo: new Map([[0, steps.length]]),
          holds,
          keepEvents: true,
        });
        expect(await tablesOf(into)).toEqual(tables);
      }),
    ),
    runs,
  );
}, 120_000);
