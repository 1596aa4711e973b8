// Live folds over a log of two generations, each an embedded log of its own, and tables beside them.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { EmbeddedBusHub } from "../../core/bus/bus-embedded.ts";
import { logKey, newNodeId } from "../../core/ids/ids.ts";
import type { EventLog, Topics } from "../../core/log/log.ts";
import { partitionOf } from "../../core/log/partition.ts";
import { openTwoGenerations, type TwoGenerations } from "../../core/log/two-generations.test-helper.ts";
import { encodeRecord } from "../../core/records/codec.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import { encodeChange } from "../../core/records/registry-change.ts";
import { RegistryView } from "../../core/registry/view.ts";
import { systemClock } from "../../core/runtime/clock.ts";
import { silentLogger } from "../../core/runtime/logger.ts";
import { createMetrics } from "../../core/runtime/metrics.ts";
import { moveToGeneration, whatIsBehind, type NextGeneration } from "../../core/store/next-generation.ts";
import { openSqliteStore, openStoreReadOnly } from "../../core/store/store-sqlite.ts";
import type { Store } from "../../core/store/store.ts";
import { createProcessor } from "../../processors/processor.ts";
import { Line, party } from "../../processors/station.test-helper.ts";
import { createProjector } from "../../projections/models/projector.ts";
import { eventually } from "../../test/harness/wait.ts";
import { endsOf } from "./cluster/hand-over.ts";
import { compareWithRebuild, type Comparison } from "./compare.ts";

export const keyOf = (station: string) => `${party}/${station}`;

export class GenerationsWorld implements AsyncDisposable {
  readonly logs: TwoGenerations;
  readonly folder = mkdtempSync(join(tmpdir(), "wattlog-generations-"));
  readonly store: Store = openSqliteStore(this.folder);

  private constructor(logs: TwoGenerations) {
    this.logs = logs;
  }

  /** @param partitions of the first and the second generation */
  static async open(partitions: readonly [number, number]): Promise<GenerationsWorld> {
    const world = new GenerationsWorld(await openTwoGenerations(partitions));
    await world.store.migrate();
    return world;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.store.close();
    rmSync(this.folder, { recursive: true });
    await this.logs[Symbol.asyncDispose]();
  }

  async write(log: EventLog, records: readonly FrameRecord[]): Promise<void> {
    const { frames } = log.topics;
    for (const record of records) {
      const key = logKey(record.party, record.station);
      await log.append(frames, partitionOf(key, frames.partitions), [{ key, value: encodeRecord(record) }]);
    }
  }

  /** Every session has its CDR at once. */
  async settleAtOnce(): Promise<void> {
    const { first } = this.logs;
    const doc = { id: "settleAfterMs", value: 0 };
    const change = {
      party,
      keyId: null,
      changeId: "c",
      entity: "setting",
      id: doc.id,
      expectedVersion: 0,
      doc,
    } as const;
    await first.append(first.topics.registry, 0, [
      { key: "c", value: encodeChange({ ...change, at: 0, actor: "test" }) },
    ]);
  }

  /** Folds and projects until it is quiet and `done` holds, then stops. */
  async folded(log: EventLog, done: () => Promise<boolean> = async () => true): Promise<void> {
    const { store } = this;
    const registry = new RegistryView(log);
    await registry.start();
    const bus = new EmbeddedBusHub().client();
    const common = { log, store, registry, clock: systemClock, metrics: createMetrics(), logger: silentLogger() };
    const services = [createProcessor({ ...common, bus, nodeId: newNodeId() }), createProjector(common)];
    try {
      for (const service of services) await service.start();
      await eventually("the folds to be quiet", async () => {
        const behind = await whatIsBehind(store.reader, { from: log.topics, ends: await endsOf(log, log.topics) });
        return behind.length === 0 && (await done());
      });
    } finally {
      for (const service of services) await service.stop();
      await registry.stop();
      await bus.close();
    }
  }

  /** The folds stand at the end of the first generation, and go on with the second. */
  async moveOn(): Promise<void> {
    await moveToGeneration(this.store, await nextOf(this.logs.first, this.logs.both.topics));
  }

  compared(log: EventLog = this.logs.both): Promise<Comparison> {
    const unclosed = Object.assign(Object.create(log) as EventLog, { close: async () => undefined });
    return compareWithRebuild({
      source: {
        scratchIn: this.folder,
        openLog: async () => unclosed,
        openStore: async () => openStoreReadOnly(this.folder),
        openStoreToWrite: async () => this.store,
      },
    });
  }

  readonly billed = (n: number) => async () =>
    (await this.store.reader.selectFrom("live_cdr").select("id").execute()).length === n;
}

/** Decides by the registry as `settleAtOnce` left it. */
export function newLine(station: string): Line {
  return Object.assign(new Line(station), { registry: { generation: 1, offset: 1 } });
}

export async function nextOf(log: EventLog, to: Topics): Promise<NextGeneration> {
  return { from: log.topics, ends: await endsOf(log, log.topics), to };
}
