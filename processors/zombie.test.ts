// Rule F3 where it is hardest: a process that stands still with a batch in hand and goes on when another has folded it.
//
// It is seen failing on PostgreSQL by test/mutants/zombie-goes-on.patch.
import { afterEach, beforeEach, expect, test } from "vitest";

import type { CommandBus } from "../core/bus/bus.ts";
import { trusted } from "../core/ids/ids.ts";
import type { RegistryView } from "../core/registry/view.ts";
import { FakeClock } from "../core/runtime/clock.ts";
import { WattlogError } from "../core/runtime/errors.ts";
import { silentLogger } from "../core/runtime/logger.ts";
import { createMetrics } from "../core/runtime/metrics.ts";
import type { Store } from "../core/store/store.ts";
import { eventually, lastAnswer } from "../test/harness/wait.ts";
import { t0, tablesOf, timed, World } from "./folding.test-helper.ts";
import { createProcessor, type Processor } from "./processor.ts";
import { idOf, Line } from "./station.test-helper.ts";

let world: World;
let store: Store;
let registry: RegistryView;
let running: Processor[];

beforeEach(async () => {
  world = new World();
  store = await world.store();
  registry = await world.view();
  running = [];
});

afterEach(async () => {
  for (const processor of running) await processor.stop();
  await registry.stop();
  await world.end();
});

/** No command is in these records. */
const bus = {} as CommandBus;

async function start(on: Store): Promise<Processor> {
  const nodeId = trusted.node("me");
  const own = { clock: new FakeClock(t0), nodeId, metrics: createMetrics(), logger: silentLogger() };
  const processor = createProcessor({ log: world.log, store: on, bus, registry, ...own });
  running.push(processor);
  await processor.start();
  return processor;
}

/** Its next batch is folded, and stands before its commit until it is told to go on. */
class FrozenStore {
  private readonly reached = Promise.withResolvers<void>();
  private readonly thawed = Promise.withResolvers<void>();
  private readonly ended = Promise.withResolvers<string>();
  readonly store: Store;

  constructor(inner: Store) {
    const write = async (writing: Parameters<Store["write"]>[0]): Promise<void> => {
      if (writing.move) this.reached.resolve();
      await this.thawed.promise;
      const written = inner.write(writing);
      written.then(
        () => this.ended.resolve("stored"),
        (error: unknown) => this.ended.resolve(error instanceof WattlogError ? error.code : String(error)),
      );
      return written;
    };
    this.store = new Proxy(inner, {
      get(target, name) {
        if (name === "write") return write;
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === "function" ? (value.bind(target) as unknown) : value;
      },
    });
  }

  get inHand(): Promise<void> {
    return this.reached.promise;
  }

  /** @returns what came of the batch: `stored`, or the code of its error. */
  thaw(): Promise<string> {
    this.thawed.resolve();
    return this.ended.promise;
  }
}

const problemOf = (processor: Processor): string | undefined => processor.readiness()[0]?.problem;

test("F3: one that stood still with a batch in hand, while another folded on, stores nothing of it and stops", async () => {
  const line = new Line("CS1");
  await world.write(timed([line.connected(), line.claimed()]));
  const frozen = new FrozenStore(store);
  const zombie = await start(frozen.store);
  await frozen.inHand;
  await world.write(timed([line.start(), line.stop(idOf())]));
  const owner = await start(store);
  await eventually("the other one to be at the end", () => owner.progress().every(({ next }) => next === 4));
  const tables = ["position", "station_state", "reading", "frame_index"] as const;
  const before = await tablesOf(store, tables);
  expect(await frozen.thaw()).toBe("fold/zombie");
  expect(await tablesOf(store, tables)).toEqual(before);
  const problem = await lastAnswer(
    async () => problemOf(zombie),
    (said) => said !== undefined,
  );
  expect(problem).toContain("another process");
});
