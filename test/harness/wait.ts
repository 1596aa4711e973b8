// Waiting, with a sentence when it was in vain.
import { setTimeout as sleep } from "node:timers/promises";

export { setTimeout as sleep } from "node:timers/promises";

/** Many times what anything takes on a busy machine: only what never comes is waited for so long. */
const patienceMs = 45_000;

export interface WaitOptions {
  readonly timeoutMs?: number;
  readonly everyMs?: number;
}

/**
 * Asks until the answer is neither undefined nor false. An exception counts as "not yet"; the last one is told.
 * @param what goes on in "waited in vain for …"
 */
export async function eventually<T>(
  what: string,
  ask: () => T | undefined | false | Promise<T | undefined | false>,
  { timeoutMs = patienceMs, everyMs = 50 }: WaitOptions = {},
): Promise<T> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    let failure: unknown;
    try {
      const answer = await ask();
      if (answer !== undefined && answer !== false) return answer;
    } catch (error) {
      failure = error;
    }
    if (performance.now() >= until) throw new Error(`waited in vain for ${what} (${timeoutMs} ms)`, { cause: failure });
    await sleep(everyMs);
  }
}

/**
 * Asks until the answer is as wished or the time is over, and gives the last answer in either case: for checks that are to
 * fail by what they found, not by having waited.
 */
export async function lastAnswer<T>(
  ask: () => Promise<T>,
  isWished: (answer: T) => boolean,
  { timeoutMs = patienceMs, everyMs = 100 }: WaitOptions = {},
): Promise<T> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    const answer = await ask();
    if (isWished(answer) || performance.now() >= until) return answer;
    await sleep(everyMs);
  }
}

/** The promise's value, or "nothing" where it has not settled by then. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T | "nothing"> {
  const stop = new AbortController();
  const timer = sleep(ms, "nothing" as const, { signal: stop.signal });
  try {
    return await Promise.race([promise, timer]);
  } finally {
    stop.abort();
    timer.catch(() => undefined);
  }
}
