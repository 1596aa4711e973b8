// Runs once before any test file, also where vitest is started by hand: tests need the generated validators.
import { ensurePrepared } from "./prepare.ts";

export async function setup(): Promise<void> {
  for (const line of await ensurePrepared()) console.log(`prepare: ${line}`);
}
