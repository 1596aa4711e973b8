// The two sources of chance that the product does not take by injection, ids and the jitter of the bus, are drawn from the
// seed while a run lasts.
import crypto from "node:crypto";
import { syncBuiltinESMExports } from "node:module";
import type { Random } from "./random.ts";

/** @param work given a list that what nobody caught is added to. */
export async function determined<T>(random: Random, work: (failures: string[]) => Promise<T>): Promise<T> {
  const { randomUUID } = crypto;
  const { random: mathRandom } = Math;
  const failures: string[] = [];
  const caught = (error: unknown): void =>
    void failures.push(error instanceof Error ? (error.stack ?? "") : String(error));
  const drawn = (): string => random.uuid();
  Math.random = random.next;
  crypto.randomUUID = drawn as typeof randomUUID;
  syncBuiltinESMExports();
  process.on("unhandledRejection", caught);
  try {
    return await work(failures);
  } finally {
    process.off("unhandledRejection", caught);
    Math.random = mathRandom;
    crypto.randomUUID = randomUUID;
    syncBuiltinESMExports();
  }
}
