// A node that goes sends its stations away so that they come back elsewhere (house style 18): finish what was begun,
// close at a rate, flush, release. A rolling update of a large fleet must not become a storm.
import type { Clock } from "../core/runtime/clock.ts";
import type { Connection } from "./connection/connection.ts";
import { closeNow, type Node } from "./connection/node.ts";
import type { Ownership } from "./connection/ownership.ts";

/** Share of the time in which the closes are spread; the rest is for flushing and releasing. */
const closingShare = 0.6;
/** After this share nobody is waited for any more. */
const patienceShare = 0.75;

/** Upgrades and commands are refused already. @param drainMs it returns after this time at the latest. */
export async function drainNode(node: Node, ownership: Ownership, drainMs: number): Promise<void> {
  const { clock } = node;
  const begun = clock.monotonic();
  const leaving = shuffled([...node.table.all()], node.random);
  node.closer.atLeast((leaving.length / (drainMs * closingShare)) * 1000);
  for (const connection of leaving) {
    node.closer.add({ close: () => closeAnswered(connection), stillDue: () => connection.usable });
  }
  await within(clock, drainMs * patienceShare, node.table.empty());
  for (const connection of node.table.all()) closeNow(connection, "draining");
  const left = () => Math.max(0, begun + drainMs - clock.monotonic());
  await within(clock, left(), node.appender.flushed());
  await within(clock, left(), ownership.released());
  node.metrics.publish(node.appender);
}

/** Resolves with `promise` or after `ms`, whichever is first; leaves no timer behind. */
export async function within(clock: Clock, ms: number, promise: Promise<unknown>): Promise<void> {
  const { promise: late, resolve } = Promise.withResolvers<void>();
  const timer = clock.after(ms, resolve);
  await Promise.race([promise, late]);
  timer.cancel();
}

/** Its CALLs in flight are answered first. */
function closeAnswered(connection: Connection): void {
  if (connection.pendingCalls === 0) closeNow(connection, "draining");
  else connection.closeWhenAnswered = true;
}

function shuffled<T>(items: T[], random: () => number): T[] {
  for (let i = items.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [items[i], items[j]] = [items[j]!, items[i]!];
  }
  return items;
}
