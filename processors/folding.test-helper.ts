// Runs the fold over records: in memory only, or through the engine into a real store.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { logKey } from "../core/ids/ids.ts";
import { unpackBundle } from "../core/records/bundle.ts";
import { encodeRecord } from "../core/records/codec.ts";
import {
  decodeEvent,
  type Cdr,
  type DomainEvent,
  type EventBody,
  type EventKind,
  type Reading,
} from "../core/records/domain-event.ts";
import type { FrameRecord } from "../core/records/frame-record.ts";
import { pack, unpack } from "../core/records/msgpack.ts";
import { encodeChange } from "../core/records/registry-change.ts";
import type { EntityDocs, EntityKind } from "../core/registry/entities.ts";
import { RegistryView } from "../core/registry/view.ts";
import type { Store } from "../core/store/store.ts";
import { openTestStore } from "../test/harness/stores.ts";
import type { Effect, FoldContext, StationFold } from "./engine/station-fold.ts";
import { MemoryLog } from "./memory-log.test-helper.ts";
import { ocppFold, type StationState } from "./ocpp-fold.ts";
import { refold } from "./refold.ts";
import { party } from "./station.test-helper.ts";

export const t0 = Date.UTC(2023, 10, 14, 21, 0);

export interface Step {
  readonly record: FrameRecord;
  readonly logTime: number;
}

/** Log times a second apart, but where a number between the records says how many ms pass. */
export function timed(records: readonly (FrameRecord | number)[], start = t0): Step[] {
  let logTime = start;
  const steps: Step[] = [];
  for (const item of records) {
    if (typeof item === "number") logTime += item;
    else {
      logTime += 1_000;
      steps.push({ record: item, logTime });
    }
  }
  return steps;
}

export interface Folded {
  readonly state: StationState;
  readonly events: readonly EventBody[];
  readonly effects: readonly Effect[];
  readonly readings: ReadonlyMap<string, readonly (readonly Reading[])[]>;
  readonly of: <Kind extends EventKind>(kind: Kind) => readonly Extract<EventBody, { kind: Kind }>[];
}

/** Issued or held: what the fold says of each session that ended. */
export function cdrsIn({ events }: Pick<Folded, "events">): readonly Cdr[] {
  return events.flatMap((event) => (event.kind === "cdrIssued" || event.kind === "cdrHeld" ? [event.cdr] : []));
}

/** One station, no engine: state through its packed form after every record, as a store would have it. */
export async function foldSteps(steps: readonly Step[], world: World = new World()): Promise<Folded> {
  const registry = await world.view();
  const events: EventBody[] = [];
  const effects: Effect[] = [];
  const readings = new Map<string, (readonly Reading[])[]>();
  let state = ocppFold.initial();
  for (const [offset, { record, logTime }] of steps.entries()) {
    let emitted = 0;
    const context: FoldContext = {
      generation: 1,
      partition: 0,
      offset,
      logTime,
      registry,
      get emitted() {
        return emitted;
      },
      emit(body) {
        emitted += 1;
        events.push(body);
      },
      keep: (sessionId, kept) => void readings.set(sessionId, [...(readings.get(sessionId) ?? []), kept]),
      readingsOf: (sessionId) => readings.get(sessionId) ?? [],
      ask: (effect) => void effects.push(effect),
    };
    state = stored(ocppFold.evolve(state, record, context));
  }
  return {
    state,
    events,
    effects,
    readings,
    of: <Kind extends EventKind>(kind: Kind) =>
      events.filter((e): e is Extract<EventBody, { kind: Kind }> => e.kind === kind),
  };
}

function stored(state: StationState): StationState {
  return ocppFold.unpack(unpack(pack(ocppFold.pack(state))));
}

/** A log, a registry in it, and stores beside it. */
export class World {
  readonly log = new MemoryLog();
  private readonly folders: string[] = [];
  private readonly stores: Store[] = [];
  private changes = 0;

  async put<Kind extends EntityKind>(entity: Kind, id: string, doc: EntityDocs[Kind]): Promise<void> {
    const changeId = `change-${++this.changes}`;
    const value = encodeChange({
      party,
      keyId: null,
      changeId,
      entity,
      id,
      expectedVersion: null,
      doc,
      at: 0,
      actor: "test",
    });
    await this.log.append(this.log.topics.registry, 0, [{ key: id, value }]);
  }

  async view(): Promise<RegistryView> {
    const view = new RegistryView(this.log);
    await view.start();
    return view;
  }

  async store(): Promise<Store> {
    const folder = mkdtempSync(join(tmpdir(), "wattlog-fold-"));
    this.folders.push(folder);
    const store = openTestStore(folder);
    this.stores.push(store);
    await store.migrate();
    return store;
  }

  async write(steps: readonly Step[]): Promise<void> {
    for (const { record, logTime } of steps) {
      this.log.logTime = logTime;
      const key = record.station === "" ? "" : logKey(record.party, record.station);
      await this.log.append(this.log.topics.frames, 0, [{ key, value: encodeRecord(record) }]);
    }
  }

  async end(): Promise<void> {
    for (const store of this.stores) await store.close();
    for (const folder of this.folders) rmSync(folder, { recursive: true });
  }
}

/** Folds everything that is in the log, in batches of these sizes over and over, into a store of its own. */
export async function foldInto(
  world: World,
  sizes: readonly number[],
  fold: StationFold<StationState> = ocppFold,
  store?: Store,
): Promise<Store> {
  const into = store ?? (await world.store());
  const registry = await world.view();
  const end = world.log.all(world.log.topics.frames).length;
  for (let next = 0, turn = 0; next < end; turn++) {
    next = Math.min(end, next + (sizes[turn % sizes.length] ?? 1));
    await refold({
      log: world.log,
      registry,
      into,
      partitions: [0],
      upTo: new Map([[0, next]]),
      holds: [],
      keepEvents: true,
      fold,
    });
  }
  await registry.stop();
  return into;
}

export const foldedTables = [
  "position",
  "station_state",
  "reading",
  "frame_index",
  "outbox",
  "quarantine",
  "parked",
] as const;

/** Every row that the fold wrote, in an order of its own. */
export async function tablesOf(
  store: Store,
  tables: readonly (typeof foldedTables)[number][] = foldedTables,
): Promise<Record<string, string[]>> {
  const all: Record<string, string[]> = {};
  for (const table of tables) {
    const rows = await (table === "outbox" ? waitingIn(store) : store.reader.selectFrom(table).selectAll().execute());
    const text = (_: string, value: unknown) =>
      value instanceof Uint8Array ? Buffer.from(value).toString("base64") : value;
    all[table] = rows.map((row) => JSON.stringify(row, text)).sort();
  }
  return all;
}

/** Event by event: how they share rows hangs on batches, and nothing else may (rule F5). */
async function waitingIn(store: Store): Promise<readonly object[]> {
  const rows = await store.reader.selectFrom("outbox").selectAll().orderBy("sequence").execute();
  return rows
    .flatMap(({ table_set, partition, events }) =>
      unpackBundle(events).map((entry) => ({ table_set, partition, ...entry })),
    )
    .map((entry, order) => ({ order, ...entry }));
}

export async function eventsOf(store: Store): Promise<readonly DomainEvent[]> {
  const rows = await store.reader.selectFrom("outbox").selectAll().orderBy("sequence").execute();
  return rows.flatMap((row) => unpackBundle(row.events).map(({ value }) => decodeEvent(value)));
}
