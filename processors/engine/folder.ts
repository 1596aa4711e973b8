// Folds batches of one partition into one store: decode, wait for the registry, load, fold, write. Live processor and
// rebuild both are this and nothing else (rule L4).
import { limits } from "../../core/config/limits.ts";
import { comparePositions, type Position, type SessionId } from "../../core/ids/ids.ts";
import type { EventLog, LogRecord } from "../../core/log/log.ts";
import { UnknownRecordError } from "../../core/records/codec.ts";
import type { RegistryLookup } from "../../core/registry/view.ts";
import { WattlogError } from "../../core/runtime/errors.ts";
import type { FoldStore } from "../../core/store/store.ts";
import type { PositionRow } from "../../core/store/tables.ts";
import { Batch, type Scope } from "./batch.ts";
import { loadHolding, loadReadings, loadStates, stationsOfNode, type StationKey } from "./loading.ts";
import { foldAgain, foldItem, type FoldInput, type KnownHolds } from "./partition-fold.ts";
import { rowOf } from "./outgoing.ts";
import { positionAfter } from "./position.ts";
import { beginsBatch, itemOf, type Item } from "./record.ts";
import { ReadingsNeeded, type StationFold } from "./station-fold.ts";
import { newMemory, unpackMemory, type StationMemory } from "./station-memory.ts";

export interface FolderOptions<State> {
  readonly log: EventLog;
  readonly store: FoldStore;
  readonly registry: RegistryLookup;
  /** Resolves when the registry has what these records were decided by. */
  readonly reached: (position: Position) => Promise<void>;
  readonly fold: StationFold<State>;
  readonly known: KnownHolds;
  /** false: a rebuild, whose events were sent long ago. */
  readonly sends: boolean;
}

/** A batch that is in the store. */
export interface Committed<State> {
  readonly position: PositionRow;
  readonly batch: Batch<State>;
}

const keyOf = (party: string, station: string) => `${party}/${station}`;

export class Folder<State> {
  private readonly options: FolderOptions<State>;
  /** In the order of last use; dropped with the folder when anything goes wrong. */
  private readonly memories = new Map<string, StationMemory<State>>();

  constructor(options: FolderOptions<State>) {
    this.options = options;
  }

  /**
   * @param records consecutive, from `position.next` on.
   * @throws WattlogError `fold/unknown-record` after everything before that record is committed; `fold/zombie`,
   * `store/…`; TableSetChanged. After any of them this folder must not be used again.
   */
  async fold(
    position: PositionRow,
    records: readonly LogRecord[],
    onCommit: (done: Committed<State>) => void,
  ): Promise<PositionRow> {
    let at = position;
    let items: Item[] = [];
    const flush = async () => {
      if (items.length === 0) return;
      const done = await this.foldItems(at, items);
      items = [];
      at = done.position;
      onCommit(done);
    };
    for (const log of records) {
      const item = itemOf(log);
      if (item instanceof UnknownRecordError) {
        await flush();
        throw unknownRecord(at, log, item);
      }
      if (beginsBatch(item)) await flush();
      items.push(item);
    }
    await flush();
    return at;
  }

  private async foldItems(position: PositionRow, items: readonly Item[]): Promise<Committed<State>> {
    const { log, store, registry, reached, fold, known } = this.options;
    const first = items[0]!;
    if (first.log.offset !== position.next) {
      throw new WattlogError(
        "fold/zombie",
        `A batch begins at ${first.log.offset} instead of ${position.next}; restart the processor.`,
      );
    }
    const scope: Scope = {
      tableSet: position.table_set,
      generation: position.generation,
      partition: position.partition,
    };
    const needed = highestRegistry(items);
    if (comparePositions(registry.position, needed) < 0) await reached(needed);
    const record = first.record;
    const ofNode = record?.kind === "nodeLost" ? await stationsOfNode(store, scope, record.nodeId) : [];
    const isEndOfHold = record?.kind === "redrive" || record?.kind === "release";
    const holding = isEndOfHold ? await loadHolding(store, log, scope, record.quarantineId) : undefined;
    await this.load(scope, [...stationsOf(items), ...ofNode]);
    const batch = new Batch<State>(scope, registry);
    const input: FoldInput<State> = {
      fold,
      scope,
      batch,
      known,
      holding,
      topic: log.topics.frames.name,
      memoryOf: (party, station) => this.memories.get(keyOf(party, station))!,
      ofNode: ofNode.map(({ party, station }) => this.memories.get(keyOf(party, station))!),
    };
    // What a hold let wait is folded in one go: nothing can be read in the middle of it.
    if (isEndOfHold) await this.loadReadings(input, items, []);
    for (const [at, item] of items.entries()) {
      try {
        foldItem(input, item);
      } catch (error) {
        if (!(error instanceof ReadingsNeeded)) throw error;
        await this.foldWithReadings(input, items.slice(at), error);
      }
    }
    const after = positionAfter(position, items.at(-1)!.log, batch.counts);
    await this.write(position, after, batch);
    this.forget();
    return { position: after, batch };
  }

  private async foldWithReadings(
    input: FoldInput<State>,
    items: readonly Item[],
    first: ReadingsNeeded,
  ): Promise<void> {
    let needed: ReadingsNeeded | undefined = first;
    while (needed) {
      await this.loadReadings(input, items, [needed.sessionId]);
      needed = undefined;
      try {
        foldAgain(input, items[0]!);
      } catch (error) {
        if (!(error instanceof ReadingsNeeded)) throw error;
        needed = error;
      }
    }
  }

  /** Those that are needed, and those that the records to come will probably ask for: many sessions may end at once. */
  private async loadReadings(
    { batch, scope, fold, memoryOf }: FoldInput<State>,
    items: readonly Item[],
    needed: readonly SessionId[],
  ): Promise<void> {
    const wanted = new Set(needed);
    for (const { record } of items) {
      if (wanted.size >= limits.foldSessionsReadAhead) break;
      if (!record) continue;
      const { state } = memoryOf(record.party, record.station);
      for (const id of fold.readingsFor(state, record)) if (!batch.knowsReadings(id)) wanted.add(id);
    }
    const rows = await loadReadings(this.options.store, scope, [...wanted]);
    for (const id of wanted) batch.knowReadings(id, rows.get(id) ?? []);
  }

  private async load(scope: Scope, keys: readonly StationKey[]): Promise<void> {
    const missing = new Map<string, StationKey>();
    for (const key of keys) {
      const id = keyOf(key.party, key.station);
      const memory = this.memories.get(id);
      if (!memory) missing.set(id, key);
      else {
        // Used last: behind all others.
        this.memories.delete(id);
        this.memories.set(id, memory);
      }
    }
    if (missing.size === 0) return;
    const { store, fold } = this.options;
    const rows = await loadStates(store, scope, [...missing.values()]);
    for (const row of rows) {
      const id = keyOf(row.party, row.station);
      this.memories.set(id, unpackMemory(row, fold));
      missing.delete(id);
    }
    for (const [id, { party, station }] of missing) this.memories.set(id, newMemory(party, station, fold));
  }

  private forget(): void {
    for (const id of this.memories.keys()) {
      if (this.memories.size <= limits.foldStationsInMemory) return;
      this.memories.delete(id);
    }
  }

  private write(from: PositionRow, to: PositionRow, batch: Batch<State>): Promise<void> {
    const { store, fold, sends } = this.options;
    const { table_set } = from;
    const unparked = [...batch.unparked].map(([record_offset, partition]) => ({ table_set, partition, record_offset }));
    return store.write({
      move: { from, to },
      changes: [
        { act: "remove", table: "parked", rows: unparked },
        { act: "upsert", table: "station_state", rows: batch.stateRows(fold) },
        { act: "upsert", table: "frame_index", rows: batch.indexRows() },
        { act: "insertNew", table: "reading", rows: batch.readingRows() },
        { act: "upsert", table: "quarantine", rows: [...batch.quarantine.values()] },
        { act: "upsert", table: "parked", rows: [...batch.parked.values()] },
        { act: "insertNew", table: "outbox", rows: sends ? batch.bundles().map(rowOf) : [] },
      ],
    });
  }
}

function stationsOf(items: readonly Item[]): StationKey[] {
  const keys: StationKey[] = [];
  for (const { record } of items) if (record) keys.push({ party: record.party, station: record.station });
  return keys;
}

function highestRegistry(items: readonly Item[]): Position {
  let highest: Position = { generation: 0, offset: 0 };
  for (const { record } of items) {
    if (record && comparePositions(record.registry, highest) > 0) highest = record.registry;
  }
  return highest;
}

function unknownRecord(position: PositionRow, log: LogRecord, cause: UnknownRecordError): WattlogError {
  return new WattlogError(
    "fold/unknown-record",
    `${position.topic}/${position.partition}:${log.offset}: ${cause.message}. A newer wattlog wrote it; the partition waits ` +
      "until this processor is upgraded.",
    { cause },
  );
}
