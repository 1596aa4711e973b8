// For helpers that choose an adapter while tests run: those tests count for it in the table of tools/test.ts.
import { beforeEach, TestRunner } from "vitest";
import type { Adapter } from "./test-adapters.ts";

declare module "vitest" {
  interface TaskMeta {
    adapters?: Adapter[];
  }
}

/** What a beforeAll opened, for every test of the file from then on. Each test file has modules of its own. */
const ofFile: Adapter[] = [];

beforeEach(({ task }) => {
  for (const adapter of ofFile) add(task.meta, adapter);
});

/** Counts the running test for the adapter, or, called in a beforeAll, those that follow. Not for concurrent tests. */
export function ranOn(adapter: Adapter): void {
  const test = TestRunner.getCurrentTest();
  if (test) add(test.meta, adapter);
  else ofFile.push(adapter);
}

function add(meta: { adapters?: Adapter[] }, adapter: Adapter): void {
  const known = (meta.adapters ??= []);
  if (!known.includes(adapter)) known.push(adapter);
}
