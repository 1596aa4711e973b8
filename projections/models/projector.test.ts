import * as fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { limits } from "../../core/config/limits.ts";
import type { LogBatch } from "../../core/log/log.ts";
import { encodeEvent, type DomainEvent } from "../../core/records/domain-event.ts";
import { encodeChange } from "../../core/records/registry-change.ts";
import { tableChecksums } from "../../core/store/checksum.ts";
import type { Store } from "../../core/store/store.ts";
import { StationWriter } from "../testing/events.ts";
import { party, partitions, until, World } from "../testing/world.ts";
import { Projection } from "./batch.ts";
import { openPosition } from "../../core/store/position.ts";
import { worldAdapters } from "../../test/harness/world-adapters.ts";
import { projectorRole } from "./projector.ts";
import { reproject } from "./reproject.ts";

let world: World;
beforeEach(async () => {
  world = await World.open(worldAdapters);
});
afterEach(() => world.close());

const tables = [
  "chain",
  "station",
  "connector",
  "status_interval",
  "session",
  "meter_value",
  "cdr",
  "command",
  "station_document",
] as const;

async function rowsOf(store: Store): Promise<Record<string, unknown[]>> {
  const all: Record<string, unknown[]> = {};
  for (const table of tables) {
    const rows = (await store.reader.selectFrom(table).selectAll().execute()) as object[];
    all[table] = rows.map((row) => JSON.stringify(row)).sort();
  }
  return all;
}

function fleet(): DomainEvent[] {
  const [a, b, c, d] = ["CP-A", "CP-B", "CP-C", "CP-D"].map((id) => new StationWriter(id)) as [
    StationWriter,
    StationWriter,
    StationWriter,
    StationWriter,
  ];
  const events = [
    [
      a.online(),
      a.booted("Alfen", "Eve"),
      a.status(1, "Available"),
      ...a.session("RFID-1", 12_345_678, 4),
      ...a.command("Reset", "accepted"),
      a.event({
        kind: "documentsChanged",
        changes: [
          { collection: "securityEvents", key: "1", document: '{"type":"TamperDetectionActivated"}' },
          { collection: "variables", key: "k", document: '{"value":"1","unit":"s"}' },
        ],
      }),
      a.event({
        kind: "documentsChanged",
        changes: [{ collection: "variables", key: "k", document: '{"value":"2"}', patch: true }],
      }),
    ],
    [
      b.online("ocpp2.0.1"),
      b.status(1, "Occupied"),
      ...b.session("RFID-2", 7_000_000, 3, true),
      b.status(1, "Occupied"),
      ...b.command("Reset", null),
    ],
    [
      c.online("ocpp2.1"),
      ...c.session("RFID-3", 1_000, 1),
      ...c.session("RFID-3", 2_000, 2),
      c.event({ kind: "stationOffline", connectionId: "x" as never, reason: "byStation" }),
    ],
    [
      d.online(),
      d.booted("Alfen", "Eve"),
      d.status(1, "Available"),
      d.status(2, "Available"),
      d.status(1, "Faulted", "GroundFailure"),
      d.offline(),
      d.online(),
      d.status(1, "Available"),
      d.offline(),
      d.online(),
      d.online(),
      d.offline(),
    ],
  ];
  // Interleaved, as a log has them: one of each station in turn.
  const mixed: DomainEvent[] = [];
  for (let i = 0; i < Math.max(...events.map((list) => list.length)); i++) {
    for (const list of events) if (list[i]) mixed.push(list[i]!);
  }
  return mixed;
}

function batchesOf(events: readonly DomainEvent[], sizes: readonly number[]): LogBatch[] {
  const topic = world.log.topics.events;
  const batches: LogBatch[] = [];
  let at = 0;
  for (let i = 0; at < events.length; i++) {
    const size = sizes[i % sizes.length]!;
    const records = events.slice(at, at + size).map((event, j) => ({
      offset: at + j,
      logTime: event.logTime,
      key: `${event.party}/${event.station}`,
      value: encodeEvent(event),
    }));
    batches.push({ topic, partition: 0, records });
    at += size;
  }
  return batches;
}

async function projectAll(store: Store, batches: readonly LogBatch[]) {
  let projection = new Projection(store, await openPosition(store, projectorRole, world.log.topics.events, 0));
  for (const [index, batch] of batches.entries()) {
    // Begun anew now and then: what it remembered must be what stands in the store.
    if (index % 3 === 2) projection = new Projection(store, projection.position);
    await projection.project(batch);
  }
  return projection.position;
}

describe("projection", () => {
  it("gives the same rows whatever the batches, and repeats of events change nothing (F5)", async () => {
    const events = fleet();
    const once = await world.scratchStore();
    await projectAll(once, batchesOf(events, [events.length]));
    const expected = await rowsOf(once);
    expect(expected["session"]).toHaveLength(4);
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 8 }),
        fc.array(fc.record({ at: fc.nat(), from: fc.nat() }), { maxLength: 6 }),
        async (sizes, repeats) => {
          const stuttering = [...events];
          for (const { at, from } of repeats) {
            const place = 1 + (at % stuttering.length);
            // Only what was there before can come again.
            stuttering.splice(place, 0, stuttering[from % place]!);
          }
          const store = await world.scratchStore();
          const position = await projectAll(store, batchesOf(stuttering, sizes));
          expect(await rowsOf(store)).toEqual(expected);
          expect([position.applied, position.skipped]).toEqual([events.length, repeats.length]);
          expect(position.applied + position.skipped).toBe(position.next);
        },
      ),
      { numRuns: 12 },
    );
  });

  it("follows the log, and a rebuild gives the same checksum of every table (L4)", async () => {
    const projector = await world.project();
    const events = fleet();
    await world.appendEvents(events.slice(0, 9));
    await world.caughtUp(projector);
    await world.appendEvents(events.slice(9));
    await world.caughtUp(projector);
    const scratch = await world.scratchStore();
    const steps: number[] = [];
    await reproject({
      log: world.log,
      into: scratch,
      partitions: [...Array(partitions).keys()],
      onProgress: ({ next }) => steps.push(next),
    });
    expect(await tableChecksums(scratch.reader, 1)).toEqual(await tableChecksums(world.store.reader, 1));
    expect(steps.length).toBeGreaterThan(0);
    expect(projector.readiness()).toEqual({ name: "projector", problem: undefined, note: undefined });
  });

  it("keeps a session's energy, price and words", async () => {
    const writer = new StationWriter("CP-A");
    await projectAll(world.store, batchesOf(writer.session("RFID-1", 12_345_678, 4), [3]));
    const row = await world.store.reader.selectFrom("live_session").selectAll().executeTakeFirstOrThrow();
    expect(row).toMatchObject({
      status: "completed",
      energy_mwh: 12_345_678,
      currency: "EUR",
      cost_incl_vat: "4.41",
      id_token: "RFID-1",
      annotations: '["unitMissing"]',
      last_updated: writer.time,
    });
    expect(row.cdr_id).not.toBeNull();
  });

  it("stops a station whose chain has a gap, names it, and goes on with the others (F5)", async () => {
    const [a, b] = [new StationWriter("CP-A"), new StationWriter("CP-B")];
    const broken = [a.online(), a.status(1, "Available"), a.status(1, "Charging"), a.status(1, "Finishing")];
    broken.splice(1, 1);
    const events = [...broken, b.online(), b.status(1, "Available")];
    const projector = await world.project();
    await world.appendEvents(events);
    await world.caughtUp(projector);
    const progress = projector.progress();
    expect(progress.reduce((sum, { applied }) => sum + applied, 0)).toBe(3);
    expect(progress.reduce((sum, { skipped }) => sum + skipped, 0)).toBe(2);
    const chains = await world.store.reader
      .selectFrom("live_chain")
      .select(["station", "sequence", "stopped"])
      .orderBy("station")
      .execute();
    expect(chains[0]).toMatchObject({ station: "CP-A", sequence: 1 });
    expect(chains[0]?.stopped).toContain("event 3 follows 1");
    expect(chains[1]).toEqual({ station: "CP-B", sequence: 2, stopped: null });
    expect(projector.readiness()).toMatchObject({
      problem: undefined,
      note: expect.stringContaining("1 station(s)") as string,
    });
    const anomalies = (await world.metrics.logAnomalies.get()).values.filter(({ value }) => value > 0);
    expect(anomalies).toMatchObject([{ labels: { kind: "chainBroken" }, value: 1 }]);
  });

  it("tells a CDR that says another energy than its session, and no other", async () => {
    const writer = new StationWriter("CP-A");
    const events = [...writer.session("RFID-1", 5_000, 2), ...writer.session("RFID-1", 7_000, 2)];
    const last = events.at(-1)!;
    if (last.body.kind !== "cdrIssued") throw new Error("a session ends with its CDR");
    events[events.length - 1] = { ...last, body: { ...last.body, cdr: { ...last.body.cdr, energyMwh: 7_001 } } };
    const projector = await world.project();
    await world.appendEvents(events);
    await world.caughtUp(projector);
    expect((await world.metrics.cdrEnergyMismatches.get()).values).toMatchObject([{ value: 1 }]);
  });

  it("stops when somebody else moved the position, and leaves no trace of its batch (F3)", async () => {
    const events = [new StationWriter("CP-A").online(), new StationWriter("CP-B").online()];
    const batches = batchesOf(events, [1]);
    const before = await openPosition(world.store, projectorRole, world.log.topics.events, 0);
    const project = (batch: LogBatch) => new Projection(world.store, before).project(batch);
    await project(batches[0]!);
    await expect(project(batches[0]!)).rejects.toMatchObject({ code: "fold/zombie" });
    await expect(project(batches[1]!)).rejects.toMatchObject({ code: "fold/zombie" });
    expect(await world.store.reader.selectFrom("live_station").select("station").execute()).toEqual([
      { station: "CP-A" },
    ]);
  });

  it("loads again what it has forgotten: more stations than it keeps in memory have the rows that they had", async () => {
    const writers = Array.from({ length: limits.projectionRowsInMemory + 100 }, (_, n) => new StationWriter(`CP-${n}`));
    const events = [...writers.map((writer) => writer.online()), ...writers.map((writer) => writer.booted("V", "M"))];
    const remembering = await world.scratchStore();
    await projectAll(remembering, batchesOf(events, [writers.length]));
    const stations = await remembering.reader
      .selectFrom("live_station")
      .select(["online", "protocol", "vendor"])
      .execute();
    expect(stations).toHaveLength(writers.length);
    for (const row of stations) expect(row).toEqual({ online: 1, protocol: "ocpp1.6", vendor: "V" });
  });

  it("does not fold a log that is not the one it folded before", async () => {
    const projector = await world.project();
    await world.appendEvents([new StationWriter("CP-A").online()]);
    await world.caughtUp(projector);
    await projector.stop();
    await world.store.transaction(async ({ db }) => {
      await db.updateTable("position").set({ fingerprint: "0123456789abcdef" }).where("next", ">", 0).execute();
    });
    const again = await world.project();
    await until(() => again.readiness().problem !== undefined);
    expect(again.readiness().problem).toContain("do not belong together");
  });

  it("takes up the new table set when a rebuild takes over (F3, B1)", async () => {
    const projector = await world.project();
    const writer = new StationWriter("CP-A");
    await world.appendEvents([writer.online()]);
    await world.caughtUp(projector);
    await world.store.transaction(async (tx) => {
      for (const table of ["chain", "station"] as const) {
        const rows = await tx.db.selectFrom(table).selectAll().execute();
        const raised = rows.map((row) => ({ ...row, table_set: 2 }));
        await tx.upsert(table, raised);
      }
      await tx.db.updateTable("position").set({ table_set: 2 }).where("role", "=", projectorRole).execute();
    });
    await world.appendEvents([writer.booted("Alfen", "Eve")]);
    await world.caughtUp(projector);
    const rows = await world.store.reader.selectFrom("live_station").select(["table_set", "vendor"]).execute();
    expect(rows).toEqual([{ table_set: 2, vendor: "Alfen" }]);
  });

  it("keeps every applied version of the registry, with its actor, and not what was refused (R1)", async () => {
    const projector = await world.project();
    const change = (changeId: string, expectedVersion: number | null, doc: object | null) => ({
      key: "x",
      value: encodeChange({
        party,
        keyId: null,
        changeId,
        entity: "token",
        id: "t1",
        expectedVersion,
        doc,
        at: 1,
        actor: "key-1",
      }),
    });
    await world.log.append(world.log.topics.registry, 0, [
      change("1", 0, { uid: "T1" }),
      change("2", 0, { uid: "T1", late: true }),
      change("1", null, null),
      change("3", 1, null),
    ]);
    const rows = () =>
      world.store.reader
        .selectFrom("registry_version")
        .select(["version", "document", "actor"])
        .orderBy("version")
        .execute();
    await until(async () => (await rows()).length === 2);
    expect(await rows()).toEqual([
      { version: 1, document: '{"uid":"T1"}', actor: "key-1" },
      { version: 4, document: null, actor: "key-1" },
    ]);
    expect(projector.readiness().problem).toBeUndefined();
  });
});
