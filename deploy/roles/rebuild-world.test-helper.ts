// Live folds over a log in memory, on a store of the test's choice, for rebuilds beside them.
import type { CommandBus } from "../../core/bus/bus.ts";
import { derivedId, trusted } from "../../core/ids/ids.ts";
import type { EventLog } from "../../core/log/log.ts";
import { decodeEvent, type DomainEvent } from "../../core/records/domain-event.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import type { RegistryView } from "../../core/registry/view.ts";
import { FakeClock } from "../../core/runtime/clock.ts";
import { silentLogger } from "../../core/runtime/logger.ts";
import { createMetrics } from "../../core/runtime/metrics.ts";
import { partitionChecksums, type TableChecksum } from "../../core/store/checksum.ts";
import type { Store } from "../../core/store/store.ts";
import { derivedTables, type DerivedTable } from "../../core/store/tables.ts";
import type { StationFold } from "../../processors/engine/station-fold.ts";
import { t0, timed, World } from "../../processors/folding.test-helper.ts";
import { ocppFold, type StationState } from "../../processors/ocpp-fold.ts";
import { createProcessor, type Processor } from "../../processors/processor.ts";
import { idOf, Line, other } from "../../processors/station.test-helper.ts";
import { createProjector, type Projector } from "../../projections/models/projector.ts";
import type { RebuildOptions } from "./rebuild.ts";

const bus: CommandBus = {
  claim: () => Promise.resolve("current"),
  release: () => Promise.resolve(),
  owner: () => Promise.resolve(undefined),
  send: () => Promise.resolve(true),
  listen: () => Promise.resolve(() => Promise.resolve()),
  nodes: () => Promise.resolve([]),
  close: () => Promise.resolve(),
};

/** Small, so that a rebuild of a few frames is many transactions. */
const batchRecords = 8;
/** On PostgreSQL too, beside whatever else the machine does. */
const patienceMs = 30_000;

export class RebuildWorld {
  readonly world = new World();
  readonly clock = new FakeClock(t0);
  store!: Store;
  registry!: RegistryView;
  running: (Processor | Projector)[] = [];
  /** What the processor writes to; a test may put something before the log. */
  toWrite = (log: EventLog): EventLog => log;
  private at = t0;

  static async open(): Promise<RebuildWorld> {
    const self = new RebuildWorld();
    self.store = await self.world.store();
    self.registry = await self.world.view();
    return self;
  }

  get tools(): RebuildOptions {
    return { log: this.world.log, store: this.store, registry: this.registry, batchRecords };
  }

  get events(): readonly DomainEvent[] {
    return this.world.log.all(this.world.log.topics.events).map(({ value }) => decodeEvent(value));
  }

  async start(fold: StationFold<StationState> = ocppFold): Promise<void> {
    const { store, registry, clock } = this;
    const common = { log: this.world.log, store, registry, clock, metrics: createMetrics(), logger: silentLogger() };
    const processor = createProcessor({
      ...common,
      log: this.toWrite(common.log),
      bus,
      nodeId: trusted.node("me"),
      fold,
    });
    const projector = createProjector(common);
    this.running.push(processor, projector);
    await processor.start();
    await projector.start();
  }

  async stop(): Promise<void> {
    for (const role of this.running.splice(0)) await role.stop();
  }

  async end(): Promise<void> {
    await this.stop();
    await this.registry.stop();
    await this.world.end();
  }

  async write(records: readonly FrameRecord[]): Promise<void> {
    await this.world.write(timed(records, (this.at += 3_600_000)));
  }

  /** Time goes on while it waits, for pauses and looks run by it. */
  async until(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
    for (const end = performance.now() + patienceMs; performance.now() < end;) {
      if (await holds()) return;
      this.clock.advance(500);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    throw new Error(`it did not come about: ${what}`);
  }

  async quiet(): Promise<void> {
    const { frames, events } = this.world.log.topics;
    await this.until("all is folded, sent and projected", async () => {
      const rows = await this.store.reader.selectFrom("position").select(["role", "next"]).execute();
      const next = (role: string) => rows.find((row) => row.role === role)?.next;
      const waiting = await this.store.reader.selectFrom("outbox").select("sequence").execute();
      const ends = [this.world.log.all(frames).length, this.world.log.all(events).length];
      return waiting.length === 0 && next("processor") === ends[0] && next("projector") === ends[1];
    });
  }

  problems(): readonly string[] {
    return this.running
      .flatMap((role) => [role.readiness()].flat())
      .flatMap((one) => {
        const { problem, note } = one as { problem: string | undefined; note?: string };
        return [problem, note].filter((text) => text !== undefined);
      });
  }

  async setOf(role: "processor" | "projector"): Promise<number | undefined> {
    const rows = await this.store.reader.selectFrom("position").selectAll().where("role", "=", role).execute();
    return rows[0]?.table_set;
  }

  async liveSums(): Promise<ReadonlyMap<string, TableChecksum>> {
    const sets = async (role: "processor" | "projector") => new Map([[0, (await this.setOf(role)) ?? 0]]);
    return partitionChecksums(this.store.reader, {
      processor: await sets("processor"),
      projector: await sets("projector"),
    });
  }

  /** Rows that no reader sees, by table. */
  async strayRows(): Promise<Readonly<Record<string, number>>> {
    const stray: Record<string, number> = {};
    for (const table of Object.keys(derivedTables) as DerivedTable[]) {
      const set = await this.setOf(derivedTables[table]);
      const rows = await this.store.reader
        .selectFrom(table)
        .select("table_set")
        .where("table_set", "!=", set!)
        .execute();
      if (rows.length > 0) stray[table] = rows.length;
    }
    return stray;
  }

  async held() {
    return this.store.reader.selectFrom("live_quarantine").selectAll().orderBy("record_offset").execute();
  }

  /** What REST appends. */
  async endHold(kind: "redrive" | "release", offset: number, station: string): Promise<void> {
    const quarantineId = derivedId("quarantine", this.world.log.topics.frames.name, "0", String(offset));
    await this.write([other(station).record({ kind, quarantineId, actor: "test" })]);
  }
}

export const up = (line: Line) => [line.connected(), line.claimed()];

const start = (n: number) => ({ meterStart: n, timestamp: new Date(t0 + n * 60_000).toISOString() });

/** A whole session with readings. */
export function whole(line: Line, n: number): FrameRecord[] {
  const id = idOf(start(n));
  return [line.start(start(n)), line.meter(id, String(n + 2_000), n + 1), line.stop(id, { meterStop: n + 5_000 })];
}

/** Four stations with a session each in every round, and a token that changes. */
export async function charge(world: RebuildWorld, rounds = 3): Promise<readonly Line[]> {
  const lines = ["CS1", "CS2", "CS3", "CS4"].map((name) => new Line(name));
  const token = { uid: "T1", type: "RFID", contractId: "C1", valid: true, whitelist: "ALWAYS" } as const;
  await world.world.put("token", "T1", token);
  await world.write(lines.flatMap(up));
  for (let round = 1; round <= rounds; round++)
    await world.write(lines.flatMap((line, i) => whole(line, round * 10 + i)));
  await world.world.put("token", "T1", { ...token, valid: false });
  await world.write(
    lines.map((line) => line.call("StatusNotification", { connectorId: 1, errorCode: "NoError", status: "Available" })),
  );
  return lines;
}

/** The process dies with its next commit: whether it heard of the last one or not is all the same to the database. */
export function dyingAfter(store: Store, commits: number): Store {
  let left = commits;
  const commit = async <T>(work: () => Promise<T>): Promise<T> => {
    if (left-- <= 0) throw new Error("killed");
    return work();
  };
  return {
    dialect: store.dialect,
    reader: store.reader,
    snapshot: (work) => store.snapshot(work),
    transaction: (work) => commit(() => store.transaction(work)),
    write: (writing) => commit(() => store.write(writing)),
    migrate: () => store.migrate(),
    close: () => store.close(),
  };
}
