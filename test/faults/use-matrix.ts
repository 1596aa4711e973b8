// Rows of the fault matrix as tests: one world for all of a file, and a line that says what came of each.
import { afterAll, beforeAll, expect, type TestContext } from "vitest";

import { FaultWorld, missingServers } from "./fault-world.ts";
import { runRow, type Row, type Size } from "./row.ts";

const startMs = 240_000;

/** @returns the whole of a row's test, whose title is the row's name. */
export function useMatrix(size: Size): (context: TestContext, row: Row) => Promise<void> {
  let world: FaultWorld | undefined;
  let missing: string | undefined;
  beforeAll(async () => {
    missing = await missingServers();
    if (missing === undefined) world = await FaultWorld.start();
  }, startMs);
  afterAll(() => world?.[Symbol.asyncDispose](), startMs);
  return async (context, row) => {
    const why = missing ?? row.missing?.(world!);
    if (why !== undefined) return context.skip(why);
    expect(context.task.name).toBe(row.name);
    const seed = Math.floor(Math.random() * 2 ** 31);
    const report = await runRow(world!, row, seed, size);
    const { acked, lost, duplicated, injections, recoverySeconds, seconds } = report;
    console.log(
      `${row.name}: seed ${seed}, ${injections.length} injections, ${acked} acked, ${lost} lost, ${duplicated} duplicated, ` +
        `recovery ${recoverySeconds.toFixed(1)} s, ${seconds.toFixed(0)} s in all`,
    );
    expect(report.problems, `seed ${seed}: ${injections.join("; ")}\n${world!.words.slice(-40).join("\n")}`).toEqual(
      [],
    );
    expect(acked, "CALLs that were answered").toBeGreaterThan(100);
  };
}
