// The live fold over records of one station, in memory and with a trace: the same engine, the same fold, no tables.
import { ocppFold, type StationState } from "../ocpp-fold.ts";
import { Batch, type Scope } from "../engine/batch.ts";
import type { Holding } from "../engine/loading.ts";
import { foldAgain, foldItem, type FoldInput, type KnownHolds } from "../engine/partition-fold.ts";
import type { Item } from "../engine/record.ts";
import { ReadingsNeeded } from "../engine/station-fold.ts";
import { newMemory, type StationMemory } from "../engine/station-memory.ts";
import type { RegistryLookup } from "../../core/registry/view.ts";
import { trusted } from "../../core/ids/ids.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import { Reasons } from "./reasons.ts";

export interface ReplayOptions {
  readonly items: readonly Item[];
  readonly scope: Scope;
  readonly topic: string;
  readonly registry: RegistryLookup;
  /** What the live fold held, to be held again until the same record (rule Q2). */
  readonly known: KnownHolds;
  readonly sessionId: string;
}

export interface Replayed {
  readonly batch: Batch<StationState>;
  readonly memory: StationMemory<StationState>;
  readonly reasons: Reasons;
}

export function replay(options: ReplayOptions): Replayed {
  const { items, scope, topic, registry, known, sessionId } = options;
  const reasons: Reasons = new Reasons(sessionId, () => batch.offset);
  const batch = new Batch<StationState>(scope, registry, reasons);
  const { party, station } = items.find(({ record }) => record !== null)!.record!;
  const memory = newMemory(party, station, ocppFold);
  memory.state = withConnection(memory.state, items);
  const input = { fold: ocppFold, scope, topic, batch, known, memoryOf: () => memory, ofNode: [] };
  for (const item of items) {
    const holding = holdingOf(item, batch, items);
    foldOne({ ...input, holding }, item);
  }
  return { batch, memory, reasons };
}

function foldOne(input: FoldInput<StationState>, item: Item): void {
  for (let turn = foldItem<StationState>; ; turn = foldAgain) {
    try {
      turn(input, item);
      return;
    } catch (error) {
      if (!(error instanceof ReadingsNeeded)) throw error;
      // Of a session that began before these records: it is not the one that is explained.
      input.batch.knowReadings(error.sessionId, []);
    }
  }
}

/**
 * The records may begin in the middle of a connection, and statuses count on the current one alone: that of the first record is.
 */
function withConnection(state: StationState, items: readonly Item[]): StationState {
  const records = items.flatMap(({ record }) => record ?? []);
  const exchange = records.find(
    (record): record is Extract<FrameRecord, { kind: "exchange" }> => record.kind === "exchange",
  );
  if (!exchange) return state;
  const { source, protocol } = exchange;
  if (records.some((record) => record.kind === "connected" && record.source === source)) return state;
  const connection = {
    id: trusted.connection(source),
    epoch: { generation: 0, offset: 0 },
    nodeId: trusted.node(""),
    protocol,
    securityProfile: 0,
    remoteAddress: "",
    claimed: true,
    lost: false,
    boot: null,
    statuses: [],
  };
  return { ...state, self: { ...state.self, connections: [connection] } };
}

/** What a redrive or release ends, out of what was held on the way here. */
function holdingOf(item: Item, batch: Batch<StationState>, items: readonly Item[]): Holding | undefined {
  const { record } = item;
  if (record?.kind !== "redrive" && record?.kind !== "release") return undefined;
  const row = batch.quarantine.get(record.quarantineId);
  if (!row) return undefined;
  const itemAt = (offset: number) => items.find(({ log }) => log.offset === offset);
  const parked = [...batch.parked.values()]
    .filter((kept) => kept.quarantine_id === row.id && !batch.unparked.has(kept.record_offset))
    .sort((a, b) => a.record_offset - b.record_offset)
    .flatMap(({ record_offset, partition }) => {
      const held = itemAt(record_offset);
      return held ? [{ item: held, partition }] : [];
    });
  return { row, held: itemAt(row.record_offset), parked };
}
