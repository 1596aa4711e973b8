// Rows of the fault matrix as tests: one world for all of a file, and a line that says what came of each.
import { afterAll, beforeAll, expect, type TestContext } from "vitest";

import { Rng } from "../../bench/fleet/rng.ts";
import { FaultWorld, missingServers } from "./fault-world.ts";
import { Load } from "./load.ts";
import { countsOf, injectRow, runRow, type Injected, type Row } from "./row.ts";
import { rollingStations } from "./rows-gateways.ts";

const startMs = 240_000;
const shownWords = 40;

type RowTest = (context: TestContext, row: Row) => Promise<void>;

interface World {
  /** @throws the skip where the row cannot be had here. */
  readonly of: (context: TestContext, row?: Row) => FaultWorld;
}

function useWorld(begin: (world: FaultWorld) => Promise<void> = async () => {}): World {
  let world: FaultWorld | undefined;
  let missing: string | undefined;
  beforeAll(async () => {
    missing = await missingServers();
    if (missing !== undefined) return;
    world = await FaultWorld.start();
    await begin(world);
  }, startMs);
  afterAll(() => world?.[Symbol.asyncDispose](), startMs);
  return {
    of(context, row) {
      const why = missing ?? row?.missing?.(world!);
      if (why !== undefined) context.skip(why);
      if (row) expect(context.task.name).toBe(row.name);
      return world!;
    },
  };
}

const seedOf = (): number => Math.floor(Math.random() * 2 ** 31);

function expectNone(problems: readonly string[], seed: number, injections: readonly string[], world: FaultWorld): void {
  const said = world.words.slice(-shownWords).join("\n");
  expect(problems, `seed ${seed}: ${injections.join("; ")}\n${said}`).toEqual([]);
}

/** Each row as long and as often as it says, with a load and a ledger of its own. @returns the whole of a row's test, whose title is its name. */
export function useLongMatrix(): RowTest {
  const { of } = useWorld();
  return async (context, row) => {
    const world = of(context, row);
    const seed = seedOf();
    const report = await runRow(world, row, seed, "full");
    const { acked, lost, duplicated, injections, recoverySeconds, seconds } = report;
    console.log(
      `${row.name}: seed ${seed}, ${injections.length} injections, ${acked} acked, ${lost} lost, ${duplicated} duplicated, ` +
        `recovery ${recoverySeconds.toFixed(1)} s, ${seconds.toFixed(0)} s in all`,
    );
    expectNone(report.problems, seed, injections, world);
    expect(acked, "CALLs that were answered").toBeGreaterThan(100);
  };
}

/** Of the load that goes on under all quick rows: many stations that charge slowly. */
const quickLoad = {
  stations: rollingStations,
  words: { speed: 20, repeat: 0.02, reconnect: 0.02, disorder: 0.02, offline: 0 },
};

/**
 * Each fault once and as short as it still shows, all of them under one load, whose ledger is checked when the last one has healed.
 * @returns the whole of a row's test, and of the last one, which checks the ledger and what rows look at after it.
 */
export function useQuickMatrix(): { readonly row: RowTest; readonly ledger: (context: TestContext) => Promise<void> } {
  const seed = seedOf();
  const rng = new Rng(seed);
  const injected: Injected[] = [];
  let load: Load | undefined;
  const { of } = useWorld(async (world) => {
    load = new Load(world, { prefix: "MATRIX", seed, ...quickLoad });
    await load.connected();
  });
  afterAll(() => load?.[Symbol.dispose]());
  return {
    async row(context, row) {
      const world = of(context, row);
      const begun = performance.now();
      const report = await injectRow(row, load!, { world, rng, size: "quick" });
      injected.push(report);
      const { problems, injections, recoverySeconds } = report;
      const seconds = (performance.now() - begun) / 1_000;
      console.log(
        `${row.name}: ${seconds.toFixed(1)} s, recovery ${recoverySeconds.toFixed(1)} s: ${injections.join("; ")}`,
      );
      expectNone(problems.splice(0), seed, injections, world);
    },
    async ledger(context) {
      const world = of(context);
      expect(injected.length, "rows that were injected").toBeGreaterThan(0);
      const ended = await load!.end();
      const { acked, lost, duplicated, recovered, sessions, commands } = countsOf(ended);
      console.log(
        `${injected.length} rows, seed ${seed}: ${acked} acked, ${lost} lost, ${duplicated} duplicated, ${recovered} recovered, ` +
          `${sessions} sessions, ${commands} commands`,
      );
      for (const { afterwards } of injected) await afterwards();
      const problems = [...ended.problems, ...injected.flatMap((row) => row.problems)];
      expectNone(
        problems,
        seed,
        injected.flatMap(({ injections }) => injections),
        world,
      );
      expect(acked, "CALLs that were answered").toBeGreaterThan(1_000);
    },
  };
}
