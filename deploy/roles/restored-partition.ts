// Rule B5, one partition: its events are projected and its frames folded into a table set of their own as far as the log that
// survived goes, and take over there.
import type { EventLog } from "../../core/log/log.ts";
import type { FoldStore } from "../../core/store/store.ts";
import { holdPosition, rebuildRole, type FoldPlace } from "../../core/store/table-sets.ts";
import type { PositionRow } from "../../core/store/tables.ts";
import { openPosition } from "../../core/store/position.ts";
import { storeWithin } from "../../core/store/write-within.ts";
import type { KnownHold } from "../../processors/engine/partition-fold.ts";
import { newMemory, stateRowOf, unpackMemory } from "../../processors/engine/station-memory.ts";
import { ocppFold } from "../../processors/ocpp-fold.ts";
import { PartitionRefold } from "../../processors/refold.ts";
import { Projection } from "../../projections/models/batch.ts";
import { PartitionReprojection } from "../../projections/models/reproject.ts";
import { lostFrames, type Sides } from "./lost-frames.ts";
import { lostHolds, lostRows } from "./lost-rows.ts";
import type { LostItem } from "./lost.ts";
import { outlivedItems, type Outlived } from "./lost-outlived.ts";
import { batchRecordsOf, type RebuildTools } from "./rebuild-partition.ts";
import { chainsIn, dropSent, waiting, type Chains } from "./restored-outbox.ts";

const roles = ["projector", "processor"] as const;

/** Thrown to take back what was written for a look. */
class Looked extends Error {
  readonly items: readonly LostItem[];

  constructor(items: readonly LostItem[]) {
    super("taken back");
    this.items = items;
  }
}

export class RestoredPartition {
  readonly partition: number;
  private readonly tools: RebuildTools;
  private readonly tableSet: number;
  /** The table sets that were live before. */
  private readonly former: Readonly<Record<(typeof roles)[number], number>>;

  private constructor(tools: RebuildTools, partition: number, tableSet: number, former: RestoredPartition["former"]) {
    this.tools = tools;
    this.partition = partition;
    this.tableSet = tableSet;
    this.former = former;
  }

  /** @returns undefined where it was never folded, or has taken over already. */
  static open(tools: RebuildTools, partition: number, tableSet: number): Promise<RestoredPartition | undefined> {
    return tools.store.transaction(async (tx) => {
      const former = { projector: 0, processor: 0 };
      for (const role of roles) {
        const live = await holdPosition(tx, placeOf(tools.log, role, partition));
        if (live?.table_set === tableSet) return undefined;
        former[role] = live?.table_set ?? 0;
      }
      if (former.processor === 0) return undefined;
      for (const role of roles) {
        const topic = topicOf(tools.log, role);
        await openPosition(storeWithin(tx), rebuildRole(role), topic, partition, tableSet);
      }
      return new RestoredPartition(tools, partition, tableSet, former);
    });
  }

  /** Events first: they say which of the fold's are still to be sent. */
  async fold(onStep: (role: (typeof roles)[number], next: number) => void): Promise<void> {
    await this.foldWithin(this.tools.store, onStep);
  }

  /** What the former tables know and the rebuilt ones will not, once what waits was sent. */
  async lost(): Promise<readonly LostItem[]> {
    const { store, log, fold = ocppFold } = this.tools;
    const { partition, tableSet } = this;
    const frames: Sides = { partition, former: this.former.processor, rebuilt: tableSet };
    const items = [
      ...(await lostFrames(store.reader, log, frames, fold)),
      ...(await lostHolds(store.reader, frames)),
      ...(await outlivedItems(log, partition, await this.outlived(store))),
    ];
    return [...items, ...(await this.lostRows())];
  }

  /** In one transaction, at the log's end of that moment. @returns false: somebody else has made it live. */
  takeOver(): Promise<boolean> {
    const { store, log } = this.tools;
    return store.transaction(async (tx) => {
      for (const role of roles) {
        const live = await holdPosition(tx, placeOf(log, role, this.partition));
        if (live?.table_set === this.tableSet) return false;
      }
      const rebuilt = await this.foldWithin(storeWithin(tx), () => undefined);
      await tx.upsert(
        "station_state",
        (await this.outlived(storeWithin(tx))).map(({ row }) => row),
      );
      for (const role of roles) {
        await tx.remove("position", [rebuilt[role]]);
        await tx.upsert("position", [{ ...rebuilt[role], role }]);
      }
      return true;
    });
  }

  private async foldWithin(
    into: FoldStore,
    onStep: (role: (typeof roles)[number], next: number) => void,
  ): Promise<Readonly<Record<(typeof roles)[number], PositionRow>>> {
    const { log, registry, fold } = this.tools;
    const { partition, tableSet } = this;
    const common = { log, into, tableSet, maxRecords: batchRecordsOf(this.tools) };
    const events = await PartitionReprojection.open({ ...common, role: rebuildRole("projector") }, partition);
    const end = await log.endOffset(log.topics.events, partition);
    await events.projectTo(end, () => onStep("projector", events.position.next));
    const chains = await chainsIn(into.reader, { tableSet, partition });
    const options = { ...common, registry, keepEvents: true, role: rebuildRole("processor"), ...(fold && { fold }) };
    const frames = await PartitionRefold.open(options, partition);
    frames.hold(await this.holds(into));
    await this.foldFrames(frames, into, chains, (next) => onStep("processor", next));
    return { projector: events.position, processor: frames.position };
  }

  private async foldFrames(
    frames: PartitionRefold,
    into: FoldStore,
    chains: Chains,
    onStep: (next: number) => void,
  ): Promise<void> {
    const { log } = this.tools;
    const { partition, tableSet } = this;
    const end = await log.endOffset(log.topics.frames, partition);
    let looked = await dropSent(into, { tableSet, partition }, chains, -1);
    while (frames.position.next < end) {
      await frames.foldTo(Math.min(frames.position.next + batchRecordsOf(this.tools), end));
      looked = await dropSent(into, { tableSet, partition }, chains, looked);
      onStep(frames.position.next);
    }
  }

  /** As rule Q2 wants, of records that are still there. Where what ended a hold is gone, it is held again. */
  private async holds({ reader }: FoldStore): Promise<readonly KnownHold[]> {
    const { log } = this.tools;
    const { frames } = log.topics;
    const end = await log.endOffset(frames, this.partition);
    const rows = await reader
      .selectFrom("quarantine")
      .select(["record_offset", "until_offset", "stage", "transaction_key", "reason", "log_time"])
      .where("table_set", "=", this.former.processor)
      .where("partition", "=", this.partition)
      .where("record_offset", "<", end)
      .execute();
    const there: KnownHold[] = [];
    for (const { log_time, ...row } of rows) {
      for await (const { records } of log.read(frames, this.partition, row.record_offset, row.record_offset + 1)) {
        if (records[0]?.logTime !== log_time) continue;
        there.push(row);
      }
    }
    return there;
  }

  /**
   * Stations whose events tell of frames that are gone. Numbers that were given are not given again: their chain goes on from
   * where the events stand, or the projection would take the next ones for repeats.
   */
  private async outlived(store: FoldStore): Promise<readonly Outlived[]> {
    const { fold = ocppFold } = this.tools;
    const { partition, tableSet } = this;
    const chains = await chainsIn(store.reader, { tableSet, partition });
    const states = await store.reader
      .selectFrom("station_state")
      .selectAll()
      .where("table_set", "=", tableSet)
      .where("partition", "=", partition)
      .execute();
    const byKey = new Map(states.map((row) => [`${row.party}/${row.station}`, row]));
    return [...chains].flatMap(([key, chain]) => {
      const [party, station] = [key.slice(0, key.indexOf("/")), key.slice(key.indexOf("/") + 1)];
      const state = byKey.get(key);
      const memory = state ? unpackMemory(state, fold) : newMemory(party, station, fold);
      if (chain.sequence < memory.sequence || chain.hash === memory.hash) return [];
      const row = stateRowOf({ ...memory, ...chain }, fold, { tableSet, partition });
      return [{ party, station, folded: memory.sequence, told: chain.sequence, row }];
    });
  }

  /** The events that wait are projected, looked at, and taken back. */
  private async lostRows(): Promise<readonly LostItem[]> {
    const { store, log } = this.tools;
    const { partition, tableSet } = this;
    try {
      return await store.transaction(async (tx) => {
        const into = storeWithin(tx);
        const topic = log.topics.events;
        const at = await openPosition(into, rebuildRole("projector"), topic, partition, tableSet);
        const projection = new Projection(into, at);
        const items: LostItem[] = [];
        for await (const batch of waiting(into, { tableSet, partition }, topic, at.next)) {
          const { broken } = await projection.project(batch);
          items.push(
            ...broken.map(({ party, station, reason }): LostItem => {
              return { party, station, kind: "stopped", id: station, what: { reason } };
            }),
          );
        }
        items.push(...(await lostRows(tx.db, { partition, former: this.former.projector, rebuilt: tableSet })));
        throw new Looked(items);
      });
    } catch (error) {
      if (error instanceof Looked) return error.items;
      throw error;
    }
  }
}

function placeOf(log: EventLog, role: (typeof roles)[number], partition: number): FoldPlace {
  return { role, topic: topicOf(log, role).name, partition };
}

function topicOf({ topics }: EventLog, role: (typeof roles)[number]) {
  return role === "processor" ? topics.frames : topics.events;
}
