// For helpers that choose an adapter inside a test: the running test counts for it in the table of tools/test.ts.
import { TestRunner } from "vitest";
import type { Adapter } from "./test-adapters.ts";

declare module "vitest" {
  interface TaskMeta {
    adapters?: Adapter[];
  }
}

/** Counts the running test for the adapter, never a concurrent one, of which several run; in a beforeAll there is none. */
export function ranOn(adapter: Adapter): void {
  const test = TestRunner.getCurrentTest();
  if (!test) return;
  const known = (test.meta.adapters ??= []);
  if (!known.includes(adapter)) known.push(adapter);
}
