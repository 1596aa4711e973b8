// What one batch writes, gathered while it is folded and written in one transaction.
import { chainHash, encodeEvent, type EventBody, type Reading } from "../../core/records/domain-event.ts";
import { logKey, trusted, type SessionId } from "../../core/ids/ids.ts";
import { offsetWithin } from "../../core/log/generations.ts";
import { packBriefly } from "../../core/records/msgpack.ts";
import type { RegistryLookup } from "../../core/registry/view.ts";
import type { FoldTrace } from "../fold-trace.ts";
import type { FrameIndexRow, ParkedRow, QuarantineRow, ReadingRow, StationStateRow } from "../../core/store/tables.ts";
import { bundlesOf, type Bundle, type Outgoing } from "./outgoing.ts";
import { ReadingsNeeded, type Effect, type FoldContext, type StationFold } from "./station-fold.ts";
import { stateRowOf, type StationMemory } from "./station-memory.ts";

export interface Scope {
  readonly tableSet: number;
  readonly generation: number;
  readonly partition: number;
}

/** A record as it is folded: held ones are folded again at the place of their redrive. */
export interface Place {
  /** Of the record itself. */
  readonly offset: number;
  readonly logTime: number;
  /** Where its events stand in the log: the redrive's, for one that was held. */
  readonly atOffset: number;
  readonly atLogTime: number;
}

export interface Counts {
  applied: number;
  skipped: number;
  quarantined: number;
  parked: number;
}

/** Readings of one record that the store has. */
export interface KeptReadings {
  readonly offset: number;
  readonly readings: readonly Reading[];
}

interface PendingReading {
  readonly sessionId: SessionId;
  readonly offset: number;
  readonly logTime: number;
  readings: readonly Reading[];
}

interface Mark {
  readonly outbox: number;
  readonly readings: number;
  readonly effects: number;
  readonly bodies: number;
  readonly index: number;
  readonly sequence: number;
  readonly hash: string;
}

/** Events of one record; a record of more than a million would need a larger stride. */
const eventsPerRecord = 2 ** 20;

export class Batch<State> implements FoldContext {
  readonly registry: RegistryLookup;
  readonly trace: FoldTrace | undefined;
  readonly counts: Counts = { applied: 0, skipped: 0, quarantined: 0, parked: 0 };
  readonly effects: Effect[] = [];
  /** For metrics. */
  readonly bodies: EventBody[] = [];
  readonly quarantine = new Map<string, QuarantineRow>();
  readonly parked = new Map<number, ParkedRow>();
  /** Offsets whose parked rows go, with the partition that they stand in: of an earlier generation it may be another. */
  readonly unparked = new Map<number, number>();
  readonly touched = new Set<StationMemory<State>>();
  emitted = 0;
  private readonly scope: Scope;
  private readonly outbox: Outgoing[] = [];
  private readonly readings: PendingReading[] = [];
  /** What the store has of a session, for those that somebody asked for. */
  private readonly loaded = new Map<string, readonly KeptReadings[]>();
  /** One row for each hour in which a station had records of this batch. */
  private readonly hours = new Map<
    StationMemory<State>,
    { -readonly [Column in keyof FrameIndexRow]: FrameIndexRow[Column] }[]
  >();
  private place: Place = { offset: 0, logTime: 0, atOffset: 0, atLogTime: 0 };
  private memory!: StationMemory<State>;
  /** Of the next event among those at `atOffset`, over all stations. */
  private index = 0;

  constructor(scope: Scope, registry: RegistryLookup, trace?: FoldTrace) {
    this.scope = scope;
    this.registry = registry;
    this.trace = trace;
  }

  get generation(): number {
    return this.scope.generation;
  }

  get partition(): number {
    return this.scope.partition;
  }

  get offset(): number {
    return this.place.offset;
  }

  get logTime(): number {
    return this.place.logTime;
  }

  /** Names what the next conclusions are of. */
  begin(memory: StationMemory<State>, place: Place): void {
    if (place.atOffset !== this.place.atOffset || this.outbox.length === 0) this.index = 0;
    this.memory = memory;
    this.place = place;
    this.emitted = 0;
    this.touched.add(memory);
  }

  emit(body: EventBody): void {
    const { memory, place, scope } = this;
    const index = this.index++;
    const cause = `${scope.generation}:${scope.partition}:${place.atOffset}/${index}`;
    const party = trusted.party(memory.party);
    const station = trusted.station(memory.station);
    memory.sequence += 1;
    memory.hash = chainHash(memory.hash, party, station, cause);
    const { sequence, hash } = memory;
    const event = encodeEvent({ party, station, keyId: null, sequence, hash, logTime: place.atLogTime, cause, body });
    // A number that needs no counter: the same after a restart, in a rebuild, and never used twice in a generation, which
    // begins with an empty outbox (rule B4).
    const order = offsetWithin(place.atOffset) * eventsPerRecord + index;
    // The store cannot have any of it yet.
    if (body.kind === "sessionStarted" && !this.loaded.has(body.sessionId)) this.loaded.set(body.sessionId, []);
    this.outbox.push({ sequence: order, key: logKey(party, station), value: event });
    this.bodies.push(body);
    this.emitted += 1;
    this.trace?.emitted(body);
  }

  keep(sessionId: SessionId, readings: readonly Reading[]): void {
    const { offset, logTime } = this.place;
    this.trace?.kept(sessionId, readings);
    // One row of a record and session.
    const same = this.readings.findLast((kept) => kept.offset !== offset || kept.sessionId === sessionId);
    if (same?.offset === offset) same.readings = [...same.readings, ...readings];
    else this.readings.push({ sessionId, offset, logTime, readings });
  }

  readingsOf(sessionId: SessionId): readonly (readonly Reading[])[] {
    const loaded = this.loaded.get(sessionId);
    if (!loaded) throw new ReadingsNeeded(sessionId);
    const own = this.readings.filter((kept) => kept.sessionId === sessionId);
    return [...loaded, ...own].sort((a, b) => a.offset - b.offset).map((kept) => kept.readings);
  }

  /** @param rows of the store, as it was before this batch. */
  knowReadings(sessionId: SessionId, rows: readonly KeptReadings[]): void {
    this.loaded.set(sessionId, rows);
  }

  knowsReadings(sessionId: SessionId): boolean {
    return this.loaded.has(sessionId);
  }

  ask(effect: Effect): void {
    this.effects.push(effect);
  }

  mark(): Mark {
    const { outbox, readings, effects, bodies, index, memory } = this;
    return {
      outbox: outbox.length,
      readings: readings.length,
      effects: effects.length,
      bodies: bodies.length,
      index,
      sequence: memory.sequence,
      hash: memory.hash,
    };
  }

  /** Forgets every conclusion since the mark. Readings of one record are merged only with each other. */
  undo(mark: Mark): void {
    this.outbox.length = mark.outbox;
    this.readings.length = mark.readings;
    this.effects.length = mark.effects;
    this.bodies.length = mark.bodies;
    this.index = mark.index;
    this.memory.sequence = mark.sequence;
    this.memory.hash = mark.hash;
    this.emitted = 0;
    this.trace?.undone();
  }

  /** The index row of a station's hour, as it stands after the record. */
  indexed(memory: StationMemory<State>): void {
    const rows = this.hours.get(memory);
    const last = rows?.at(-1);
    if (last?.hour === memory.hour) {
      last.last_offset = memory.hourLast;
      last.records = memory.hourRecords;
      return;
    }
    const { party, station, hour, hourFirst: first_offset, hourLast: last_offset, hourRecords: records } = memory;
    const { tableSet: table_set, partition } = this.scope;
    const row = { table_set, partition, party, station, hour, first_offset, last_offset, records };
    if (rows) rows.push(row);
    else this.hours.set(memory, [row]);
  }

  /** What is to be sent. */
  bundles(): readonly Bundle[] {
    return bundlesOf(this.scope, this.outbox);
  }

  indexRows(): readonly FrameIndexRow[] {
    return [...this.hours.values()].flat();
  }

  readingRows(): readonly ReadingRow[] {
    return this.readings.map(({ sessionId, offset, logTime, readings }) => ({
      table_set: this.scope.tableSet,
      partition: this.scope.partition,
      session_id: sessionId,
      record_offset: offset,
      log_time: logTime,
      readings: packBriefly(readings),
    }));
  }

  stateRows(fold: StationFold<State>): readonly StationStateRow[] {
    return [...this.touched].map((memory) => stateRowOf(memory, fold, this.scope));
  }
}
