// What the engine keeps of one station between records, beside the fold's own state (rule F4: one row).
import { limits } from "../../core/config/limits.ts";
import { chainStart } from "../../core/records/domain-event.ts";
import { packBriefly, unpack } from "../../core/records/msgpack.ts";
import type { StationStateRow } from "../../core/store/tables.ts";
import type { StationFold } from "./station-fold.ts";

/** Between the nodes of one row; no id of a node has it. */
export const nodeSeparator = " ";

/** Mutable: every field but `state` moves on even where a record fails, and is restored by hand where it must not. */
export interface StationMemory<State> {
  readonly party: string;
  readonly station: string;
  /** Rule I2: last sequence of each source, and the offset it stood at. */
  readonly sources: Map<string, { sequence: number; offset: number }>;
  /** Rule F5: of the last event. */
  sequence: number;
  hash: string;
  /** The hour that the index row is of; log time never falls, so earlier ones are done. */
  hour: number;
  hourFirst: number;
  hourLast: number;
  hourRecords: number;
  /** Rule Q1: transaction key -> id of the quarantine row that holds it. */
  readonly holds: Map<string, string>;
  state: State;
}

const packedVersion = 1;

type Packed = [
  number,
  [string, number, number][],
  number,
  string,
  [number, number, number, number],
  [string, string][],
  unknown,
];

export function newMemory<State>(party: string, station: string, fold: StationFold<State>): StationMemory<State> {
  return {
    party,
    station,
    sources: new Map(),
    sequence: 0,
    hash: chainStart,
    hour: -1,
    hourFirst: 0,
    hourLast: 0,
    hourRecords: 0,
    holds: new Map(),
    state: fold.initial(),
  };
}

export function packMemory<State>(memory: StationMemory<State>, fold: StationFold<State>): Uint8Array {
  const { sources, sequence, hash, hour, hourFirst, hourLast, hourRecords, holds, state } = memory;
  const packed: Packed = [
    packedVersion,
    [...sources].map(([source, last]) => [source, last.sequence, last.offset]),
    sequence,
    hash,
    [hour, hourFirst, hourLast, hourRecords],
    [...holds],
    fold.pack(state),
  ];
  return packBriefly(packed);
}

export function unpackMemory<State>(row: StationStateRow, fold: StationFold<State>): StationMemory<State> {
  const [version, sources, sequence, hash, hour, holds, state] = unpack(row.state) as Packed;
  if (version !== packedVersion) {
    throw new Error(`The state of ${row.party}/${row.station} has version ${version}; run \`wattlog rebuild\`.`);
  }
  return {
    party: row.party,
    station: row.station,
    sources: new Map(sources.map(([source, last, offset]) => [source, { sequence: last, offset }])),
    sequence,
    hash,
    hour: hour[0],
    hourFirst: hour[1],
    hourLast: hour[2],
    hourRecords: hour[3],
    holds: new Map(holds),
    state: fold.unpack(state),
  };
}

/** The row as it is written. */
export function stateRowOf<State>(
  memory: StationMemory<State>,
  fold: StationFold<State>,
  of: { readonly tableSet: number; readonly partition: number },
): StationStateRow {
  return {
    table_set: of.tableSet,
    partition: of.partition,
    party: memory.party,
    station: memory.station,
    node_id: fold.nodesOf(memory.state).join(nodeSeparator),
    due_at: fold.dueAt(memory.state),
    state: packMemory(memory, fold),
  };
}

export type Chain = Pick<StationMemory<never>, "sequence" | "hash">;

/** Where the station's chain of events stands by its row (rule F5), whatever else is in there. */
export function chainOf(state: Uint8Array): Chain {
  const [, , sequence, hash] = unpack(state) as Packed;
  return { sequence, hash };
}

/** Rule I2. @returns false where the record is a repeat; otherwise it is remembered. */
export function isFirstOf<State>(
  memory: StationMemory<State>,
  source: string,
  sequence: number,
  offset: number,
): boolean {
  const last = memory.sources.get(source);
  if (last) {
    if (sequence <= last.sequence) return false;
    last.sequence = sequence;
    last.offset = offset;
    return true;
  }
  memory.sources.set(source, { sequence, offset });
  if (memory.sources.size > limits.stationSourcesRemembered) forgetOldest(memory.sources);
  return true;
}

/** The source that was silent longest: least likely to repeat itself. */
function forgetOldest(sources: Map<string, { offset: number }>): void {
  let oldest: string | undefined;
  let lowest = Number.POSITIVE_INFINITY;
  for (const [source, { offset }] of sources) {
    if (offset >= lowest) continue;
    lowest = offset;
    oldest = source;
  }
  if (oldest !== undefined) sources.delete(oldest);
}

const hourMs = 3_600_000;

export function countInHour<State>(memory: StationMemory<State>, offset: number, logTime: number): void {
  const hour = Math.floor(logTime / hourMs);
  if (hour !== memory.hour) {
    memory.hour = hour;
    memory.hourFirst = offset;
    memory.hourRecords = 0;
  }
  memory.hourLast = offset;
  memory.hourRecords += 1;
}
