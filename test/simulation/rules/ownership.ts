// Held once everything is quiet (rules I3, I4): who holds a station is the claimed connection of the highest epoch, the bus
// knows it, the station is really there, and nobody is locked out.
import { trusted } from "../../../core/ids/ids.ts";
import type { DomainEvent } from "../../../core/records/domain-event.ts";
import type { Fact, Journal } from "../journal.ts";
import type { RedisServer } from "../redis.ts";
import { party, times } from "../roles.ts";
import type { Station } from "../station.ts";
import type { World } from "../world.ts";

interface Open {
  readonly connection: string;
  readonly node: string;
  claimed: boolean;
  lost: boolean;
}

/** By the log alone, those that speak, oldest first. A lost node takes its own along, until one of them speaks (rule T3). */
function claimedInLog(journal: Journal, station: string): Open[] {
  // Offsets rise, so the last that is left was connected last.
  const open = new Map<string, Open>();
  const facts = journal.facts.find((ofPartition) => ofPartition.some(({ record }) => record.station === station)) ?? [];
  for (const { record, isRepeat } of facts) {
    if (record.kind === "nodeLost") for (const one of open.values()) one.lost ||= one.node === record.nodeId;
    if (record.station !== station || isRepeat) continue;
    const { source: connection } = record;
    if (record.kind === "connected")
      open.set(connection, { connection, node: record.nodeId, claimed: false, lost: false });
    const known = open.get(connection);
    if (known) known.lost = false;
    if (record.kind === "claimed" && known) known.claimed = true;
    if (record.kind === "disconnected") open.delete(connection);
  }
  return [...open.values()].filter(({ claimed, lost }) => claimed && !lost);
}

export function checkOwners(
  journal: Journal,
  world: Pick<World, "redis" | "stations" | "gateways">,
  events: ReadonlyMap<string, readonly DomainEvent[]>,
): void {
  const { redis, stations } = world;
  const living = new Set<string>(world.gateways.map(({ nodeId }) => nodeId));
  for (const { id, line, isConnected } of stations) {
    const real = isConnected ? line?.connectionId : undefined;
    journal.check("I4", real !== undefined, () => `${id} is locked out.`);
    const open = claimedInLog(journal, id);
    const inLog = open.at(-1)?.connection;
    journal.check("I4", inLog === real, () => `${id} is on ${String(real)}, the log says ${String(inLog)}.`);
    const onBus = redis.owner(party, trusted.station(id))?.connectionId;
    journal.check("I4", onBus === real, () => `${id} is on ${String(real)}, the bus says ${String(onBus)}.`);
    const last = events
      .get(id)
      ?.findLast(({ body }) => body.kind === "stationOnline" || body.kind === "stationOffline");
    const shown = last?.body.kind === "stationOnline" ? last.body.connectionId : undefined;
    journal.check("I4", shown === real, () => `${id} is on ${String(real)}, its events say ${String(shown)}.`);
    const older = open.filter(({ node }) => living.has(node)).length - 1;
    journal.check("I4", older <= 0, () => `${older} older sockets of ${id} are still open.`);
  }
}

/** Of what a look at the leases may miss: three of them fit into one. */
const lookMs = times.leaseMs / 2;

/** Rule T3, at each record: a node is presumed lost only after two lease times without its lease. */
export function checkLost(journal: Journal, redis: RedisServer, { record }: Fact): void {
  if (record.kind !== "nodeLost") return;
  const { ageMs, absentMs } = redis.leaseOf(record.nodeId, lookMs);
  const isMissed = Math.min(ageMs, absentMs) >= 2 * times.leaseMs - lookMs;
  journal.check("T3", isMissed, () => {
    return `${record.nodeId}, ${ageMs.toFixed(0)} ms old, is presumed lost after ${absentMs.toFixed(0)} ms without a lease.`;
  });
}

/** What was asked for in quiet weather came to a good end. */
export function checkProbes(journal: Journal): void {
  const probes = journal.asked.filter(({ isProbe }) => isProbe);
  for (const { station, answer } of probes) {
    const outcome = answer?.outcome;
    journal.check(
      "promise 4",
      outcome === "accepted",
      () => `A command for ${station} in quiet weather ended ${String(outcome)}.`,
    );
  }
}

/** After a drain of every node. */
export function checkReleased(journal: Journal, redis: RedisServer, stations: readonly Station[]): void {
  for (const { id } of stations) {
    const owner = redis.owner(party, trusted.station(id));
    journal.check(
      "I4",
      owner === undefined,
      () => `${id} is still owned by ${String(owner?.connectionId)} after the drain.`,
    );
    const inLog = claimedInLog(journal, id).at(-1)?.connection;
    journal.check("I4", inLog === undefined, () => `${id} still has ${String(inLog)} in the log after the drain.`);
  }
}
