// What belongs together: a log and a database belong to one cluster, and a database to the log that it was folded from.
// Two clusters that share one by mistake would mix their stations; a database beside another log would skip its records.
import { randomUUID } from "node:crypto";

import { logKey, trusted, type PartyId } from "../../../core/ids/ids.ts";
import type { EventLog } from "../../../core/log/log.ts";
import { encodeChange, type RegistryChange } from "../../../core/records/registry-change.ts";
import type { ClusterDoc } from "../../../core/registry/entities.ts";
import type { RegistryView } from "../../../core/registry/view.ts";
import type { Clock } from "../../../core/runtime/clock.ts";
import { WattlogError } from "../../../core/runtime/errors.ts";
import type { Store } from "../../../core/store/store.ts";

const kind = "cluster";

export interface Claiming {
  readonly log: EventLog;
  readonly registry: RegistryView;
  readonly clock: Clock;
  /** Under which it is written down. */
  readonly party: PartyId;
}

/**
 * The first cluster that comes to an empty log writes its name into the registry.
 * @throws WattlogError `config/invalid` where the log is another cluster's
 */
export async function claimLog(clusterId: string, by: Claiming): Promise<void> {
  const owner = await claimed("cluster", clusterId, by);
  if (owner === undefined || owner === clusterId) return;
  throw new WattlogError(
    "config/invalid",
    `Kafka's ${by.log.topics.frames.name} is the log of the cluster ${owner}, and WATTLOG_CLUSTER_ID says ${clusterId}: give each cluster a Kafka of its own, or correct it.`,
  );
}

/**
 * The first database that comes to a log is the one that it is folded into: two clusters of one name on one Kafka would
 * each fold the stations of both.
 * @param databaseId of `claimStore`
 * @returns ends the watch that calls `onLost` when the log is another database's from then on
 * @throws WattlogError `config/invalid` where it is another's
 */
export async function claimLogForDatabase(
  databaseId: string,
  by: Claiming,
  onLost: (why: string) => void,
): Promise<() => void> {
  const { registry, log } = by;
  const sentence =
    `Kafka's ${log.topics.frames.name} is folded into another database than that in DATABASE_URL: two clusters of one name on one Kafka? ` +
    "Give this one a Kafka and a WATTLOG_CLUSTER_ID of its own, or correct DATABASE_URL; `wattlog topics --new-database` lets the log go on with a new database in place of one that is lost.";
  const owner = await claimed("database", databaseId, by);
  if (owner !== undefined && owner !== databaseId) throw new WattlogError("config/invalid", sentence);
  return registry.onChange(({ entity, id }) => {
    if (entity !== kind || id !== "database") return;
    const next = ownerOf(registry, "database");
    if (next !== undefined && next !== databaseId) onLost(sentence);
  });
}

/** The next database that comes is the one that the log is folded into. */
export async function forgetDatabase({ log, registry, clock }: Omit<Claiming, "party">): Promise<void> {
  for (const party of [...registry.parties()].map((one) => trusted.party(one))) {
    if (!registry.find(party, kind, "database")) continue;
    await write({ party, id: "database", expectedVersion: null, doc: null }, { log, registry, clock });
  }
}

/** @returns whose it is; of several that come at once the first in the log is the owner. */
async function claimed(id: ClusterDoc["id"], name: string, by: Claiming): Promise<string | undefined> {
  const { registry, party } = by;
  if (ownerOf(registry, id) === undefined) await write({ party, id, expectedVersion: 0, doc: { id, name } }, by);
  return ownerOf(registry, id);
}

/** Resolves once the registry has passed it. */
async function write(
  change: Pick<RegistryChange, "party" | "expectedVersion"> & { id: ClusterDoc["id"]; doc: ClusterDoc | null },
  { log, registry, clock }: Omit<Claiming, "party">,
): Promise<void> {
  const value = encodeChange({
    ...change,
    keyId: null,
    changeId: randomUUID(),
    entity: kind,
    at: clock.now(),
    actor: "start",
  });
  const topic = log.topics.registry;
  const key = logKey(change.party, trusted.station(change.id));
  const { baseOffset } = await log.append(topic, 0, [{ key, value }]);
  await registry.reached({ generation: topic.generation, offset: baseOffset + 1 });
}

function ownerOf(registry: RegistryView, id: ClusterDoc["id"]): string | undefined {
  for (const party of registry.parties()) {
    const found = registry.find(trusted.party(party), kind, id);
    if (found) return found.doc.name;
  }
  return undefined;
}

export interface Belonging {
  readonly cluster: string;
  /** logIdentityOf */
  readonly log: string;
}

/**
 * The first cluster and log that come to a database are those that it belongs to.
 * @param generation of the topics
 * @returns what no other database has; a copy of it has the same
 * @throws WattlogError `config/invalid` where it belongs to others
 */
export async function claimStore(store: Store, to: Belonging, generation: number): Promise<string> {
  let facts = await factsOf(store.reader);
  if (!facts.has("cluster") || !facts.has("log") || !facts.has("database")) {
    const rows = [
      { name: "cluster", value: to.cluster },
      { name: "log", value: to.log },
      { name: "database", value: randomUUID() },
    ];
    facts = await store.transaction(async (tx) => {
      await tx.insertNew("fact", rows);
      return factsOf(tx.db);
    });
  }
  const [cluster, log] = [facts.get("cluster"), facts.get("log")];
  if (cluster !== to.cluster) {
    throw new WattlogError(
      "config/invalid",
      `The database in DATABASE_URL belongs to the cluster ${cluster}, and WATTLOG_CLUSTER_ID says ${to.cluster}: give each cluster a database of its own, or correct it.`,
    );
  }
  const newest = await newestGeneration(store.reader);
  if (newest > generation) {
    throw new WattlogError(
      "config/invalid",
      `The database in DATABASE_URL was folded from generation ${newest} of the topics, and this wattlog reads generation ${generation}: run the newer wattlog.`,
    );
  }
  if (log === to.log) return facts.get("database")!;
  throw new WattlogError(
    "config/invalid",
    "The database in DATABASE_URL was folded from another log: KAFKA_BROKERS leads elsewhere, or topics were made anew. Correct " +
      "it, or restore the pair; `wattlog migrate --new-log` lets it go on with a true copy of its log.",
  );
}

/** For a log that was restored or mirrored: positions are still compared with its records, one by one (rule F3). */
export async function forgetLog(store: Store): Promise<void> {
  await store.transaction(async ({ db }) => {
    await db.deleteFrom("fact").where("name", "=", "log").execute();
  });
}

async function factsOf(db: Store["reader"]): Promise<ReadonlyMap<string, string>> {
  // Lists of what was lost lie there too, and may be long.
  const rows = await db.selectFrom("fact").selectAll().where("name", "in", ["cluster", "log", "database"]).execute();
  return new Map(rows.map(({ name, value }) => [name, value]));
}

export async function newestGeneration(db: Store["reader"]): Promise<number> {
  const row = await db
    .selectFrom("position")
    .select((eb) => eb.fn.max("generation").as("newest"))
    .executeTakeFirst();
  return row?.newest ?? 0;
}
