// Who goes first where there are more threads than cores.
import { getPriority, setPriority } from "node:os";

/** Of `nice`: where both want the core it gets a third of what a thread before it gets, and all of an idle one. */
const stepsBehind = 5;
const lastOfAll = 19;

/**
 * The calling thread goes behind the others of its process, and of its machine, which then do not wait for a core while it
 * works: the folds' thread of `wattlog all`, and the one thread of a processor or projector beside gateways.
 * On Linux alone, where a priority is a thread's: elsewhere the whole process would go behind all others.
 */
export function goBehindOthers(): void {
  if (process.platform !== "linux") return;
  try {
    setPriority(0, Math.min(lastOfAll, getPriority(0) + stepsBehind));
  } catch {
    // A sandbox may refuse the call: then they share as equals.
  }
}
