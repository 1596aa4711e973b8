// Folds the records of one partition, in memory: sources, holds, index and the fold itself. Loading and writing are next
// door; nothing here waits but for the registry and for what must be loaded first.
import { derivedId } from "../../core/ids/ids.ts";
import { CorruptRecordError } from "../../core/records/codec.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import { messageOf } from "../../core/runtime/errors.ts";
import { asStored } from "../../core/store/text.ts";
import type { QuarantineRow } from "../../core/store/tables.ts";
import type { Batch, Place, Scope } from "./batch.ts";
import type { Holding } from "./loading.ts";
import type { Item } from "./record.ts";
import { stationOfKey } from "./record.ts";
import { ReadingsNeeded, type HeldAs, type StationFold } from "./station-fold.ts";
import { countInHour, isFirstOf, type StationMemory } from "./station-memory.ts";

/** What a rebuild must hold again (rule Q2): by offset, what the live fold held, and until when. */
export type KnownHolds = ReadonlyMap<number, KnownHold>;

export type KnownHold = Pick<QuarantineRow, "record_offset" | "until_offset" | "stage" | "transaction_key" | "reason">;

const decodeStage = "decode";

export interface FoldInput<State> {
  readonly fold: StationFold<State>;
  readonly scope: Scope;
  readonly topic: string;
  readonly batch: Batch<State>;
  readonly memoryOf: (party: string, station: string) => StationMemory<State>;
  readonly known: KnownHolds;
  /** Loaded for a redrive or release that begins the batch. */
  readonly holding: Holding | undefined;
  /** Loaded for a nodeLost that begins the batch. */
  readonly ofNode: readonly StationMemory<State>[];
}

/** @throws ReadingsNeeded only a record that speaks of one station: for it, `foldAgain` comes next. */
export function foldItem<State>(input: FoldInput<State>, item: Item): void {
  const { batch } = input;
  const { offset, logTime } = item.log;
  const place: Place = { offset, logTime, atOffset: offset, atLogTime: logTime };
  // What an earlier version could not read is held until its redrive, also by a rebuild that could read it (rule Q2).
  const known = input.known.get(offset);
  const unread = known?.stage === decodeStage ? known.reason : item.corrupt?.message;
  if (!item.record || unread !== undefined) {
    quarantineCorrupt(input, item, place, unread ?? "");
    return;
  }
  const { record } = item;
  const memory = input.memoryOf(record.party, record.station);
  batch.begin(memory, place);
  if (!isFirstOf(memory, record.source, record.sequence, offset)) {
    batch.counts.skipped += 1;
    return;
  }
  if (record.station !== "") {
    countInHour(memory, offset, logTime);
    batch.indexed(memory);
  }
  switch (record.kind) {
    case "nodeLost":
      for (const affected of input.ofNode) foldFresh(input, affected, record, item, place);
      batch.counts.applied += 1;
      return;
    case "generationBegan":
      // Whoever opened this partition has seen that every fold stood at those ends.
      batch.counts.applied += 1;
      return;
    case "redrive":
    case "release":
      endHold(input, memory, record.kind, place);
      batch.counts.applied += 1;
      return;
    default:
      batch.counts[foldFresh(input, memory, record, item, place)] += 1;
  }
}

/**
 * A record whose first turn ended with ReadingsNeeded, now that they are there.
 * @throws ReadingsNeeded it needs others too.
 */
export function foldAgain<State>(input: FoldInput<State>, item: Item): void {
  const { offset, logTime } = item.log;
  const record = item.record!;
  const memory = input.memoryOf(record.party, record.station);
  const place: Place = { offset, logTime, atOffset: offset, atLogTime: logTime };
  input.batch.counts[foldFresh(input, memory, record, item, place)] += 1;
}

/** With the key as the quarantine row has it: the end of a hold and a rebuild know it from there. */
function heldAs<State>(fold: StationFold<State>, record: FrameRecord): HeldAs {
  const { key, holds } = fold.transactionOf(record);
  return { key: key === null ? null : asStored(key), holds };
}

type Fate = "applied" | "quarantined" | "parked";

/** A record at its first turn, or a parked one at its second. */
function foldFresh<State>(
  input: FoldInput<State>,
  memory: StationMemory<State>,
  record: FrameRecord,
  item: Item,
  place: Place,
): Fate {
  const { fold, batch } = input;
  batch.begin(memory, place);
  if (memory.holds.size > 0) {
    const { key } = heldAs(fold, record);
    const holder = key === null ? undefined : memory.holds.get(key);
    if (holder !== undefined) return park(input, place, holder);
  }
  // After the question of parking, as in the live fold: a parked record fails at its second turn, not at its first.
  const known = input.known.get(place.offset);
  if (known && (known.until_offset === null || place.atOffset < known.until_offset)) {
    return quarantine(input, memory, record, item, place, known);
  }
  const mark = batch.mark();
  try {
    memory.state = fold.evolve(memory.state, record, batch);
  } catch (error) {
    batch.undo(mark);
    if (error instanceof ReadingsNeeded) throw error;
    return quarantine(input, memory, record, item, place, messageOf(error));
  }
  if (record.kind !== "quarantined") return "applied";
  addRow(input, record, item, place, { stage: "gateway", key: null, reason: record.reason });
  return "quarantined";
}

// --- quarantine (rules Q1, Q2) ---

interface Why {
  readonly stage: string;
  readonly key: string | null;
  readonly reason: string;
}

function quarantineId(topic: string, partition: number, offset: number): string {
  return derivedId("quarantine", topic, String(partition), String(offset));
}

function addRow<State>(
  input: FoldInput<State>,
  of: { readonly party: string; readonly station: string },
  item: Item,
  place: Place,
  why: Why,
): string {
  const { scope, batch, topic } = input;
  const id = quarantineId(topic, scope.partition, place.offset);
  batch.quarantine.set(id, {
    table_set: scope.tableSet,
    partition: scope.partition,
    id,
    record_offset: place.offset,
    until_offset: null,
    stage: why.stage,
    party: of.party,
    station: of.station,
    transaction_key: why.key,
    reason: why.reason,
    bytes: verbatim(item),
    state: "held",
    log_time: place.logTime,
  });
  return id;
}

/** What people look at: the station's own bytes where the record can be read, else the record. */
function verbatim({ record, log }: Item): Uint8Array {
  switch (record?.kind) {
    case "quarantined":
      return record.bytes;
    case "exchange":
      return record.call;
    case "commandResult":
      return record.frame;
    default:
      return log.value;
  }
}

function quarantineCorrupt<State>(input: FoldInput<State>, item: Item, place: Place, reason: string): void {
  const asBytes: Item = item.record ? { log: item.log, record: null, corrupt: new CorruptRecordError(reason) } : item;
  addRow(input, stationOfKey(item.log.key), asBytes, place, { stage: decodeStage, key: null, reason });
  input.batch.counts.quarantined += 1;
}

/** @param cause what the fold threw, or the row that a rebuild repeats. */
function quarantine<State>(
  input: FoldInput<State>,
  memory: StationMemory<State>,
  record: FrameRecord,
  item: Item,
  place: Place,
  cause: string | KnownHold,
): Fate {
  const { fold, batch } = input;
  const speaks = heldAs(fold, record);
  const key = typeof cause === "string" ? (speaks.holds ? speaks.key : null) : cause.transaction_key;
  const reason = typeof cause === "string" ? cause : cause.reason;
  const id = addRow(input, record, item, place, { stage: "fold", key, reason });
  if (key !== null) memory.holds.set(key, id);
  const mark = batch.mark();
  try {
    memory.state = fold.quarantined(memory.state, record, batch);
  } catch {
    // The note is a courtesy; what is kept is the record.
    batch.undo(mark);
  }
  return "quarantined";
}

function park<State>(input: FoldInput<State>, place: Place, holder: string): Fate {
  const { scope, batch } = input;
  const row = {
    table_set: scope.tableSet,
    partition: scope.partition,
    record_offset: place.offset,
    quarantine_id: holder,
  };
  batch.parked.set(place.offset, row);
  batch.unparked.delete(place.offset);
  return "parked";
}

/**
 * Redrive folds the held record and then what was parked behind it, in order; release leaves the record out and folds
 * what was parked, or a released start would hold its stop for ever. A record that fails again stays as it was.
 */
function endHold<State>(
  input: FoldInput<State>,
  memory: StationMemory<State>,
  how: "redrive" | "release",
  at: Place,
): void {
  const { batch, holding } = input;
  if (!holding || holding.row.until_offset !== null) return;
  const { row } = holding;
  if (row.party !== memory.party || row.station !== memory.station) return;
  const known = input.known.get(row.record_offset);
  if (known && known.until_offset !== at.offset) return;
  if (how === "redrive" && !refold(input, memory, holding.held, at)) return;
  batch.quarantine.set(row.id, { ...row, state: how === "redrive" ? "redriven" : "released", until_offset: at.offset });
  if (how === "redrive") {
    batch.counts.quarantined -= 1;
    batch.counts.applied += 1;
  }
  if (row.transaction_key !== null) memory.holds.delete(row.transaction_key);
  for (const { item, partition } of holding.parked) {
    batch.counts.parked -= 1;
    batch.unparked.set(item.log.offset, partition);
    if (!item.record) continue;
    batch.counts[foldFresh(input, memory, item.record, item, laterPlace(item, at))] += 1;
  }
}

function laterPlace(item: Item, at: Place): Place {
  return { offset: item.log.offset, logTime: item.log.logTime, atOffset: at.offset, atLogTime: at.logTime };
}

function refold<State>(
  input: FoldInput<State>,
  memory: StationMemory<State>,
  held: Item | undefined,
  at: Place,
): boolean {
  const { fold, batch } = input;
  if (!held?.record) return false;
  const record = held.record.kind === "quarantined" ? fold.reread(held.record) : held.record;
  if (!record) return false;
  batch.begin(memory, laterPlace(held, at));
  const mark = batch.mark();
  try {
    memory.state = fold.evolve(memory.state, record, batch);
    return true;
  } catch {
    batch.undo(mark);
    return false;
  }
}
