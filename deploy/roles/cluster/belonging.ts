// What belongs together: a log and a database belong to one cluster, and a database to the log that it was folded from.
// Two clusters that share one by mistake would mix their stations; a database beside another log would skip its records.
import { randomUUID } from "node:crypto";

import { logKey, trusted, type PartyId } from "../../../core/ids/ids.ts";
import type { EventLog } from "../../../core/log/log.ts";
import { encodeChange } from "../../../core/records/registry-change.ts";
import type { RegistryView } from "../../../core/registry/view.ts";
import type { Clock } from "../../../core/runtime/clock.ts";
import { WattlogError } from "../../../core/runtime/errors.ts";
import type { Store } from "../../../core/store/store.ts";

const kind = "cluster";

/**
 * The first cluster that comes to an empty log writes its name into the registry.
 * @throws WattlogError `config/invalid` where the log is another cluster's
 */
export async function claimLog(
  clusterId: string,
  party: PartyId,
  { log, registry, clock }: { readonly log: EventLog; readonly registry: RegistryView; readonly clock: Clock },
): Promise<void> {
  if (ownerOf(registry) === undefined) {
    const value = encodeChange({
      party,
      keyId: null,
      changeId: randomUUID(),
      entity: kind,
      id: kind,
      // Of several that come at once the first in the log is the owner.
      expectedVersion: 0,
      doc: { id: kind, name: clusterId },
      at: clock.now(),
      actor: "start",
    });
    const topic = log.topics.registry;
    const { baseOffset } = await log.append(topic, 0, [{ key: logKey(party, trusted.station(kind)), value }]);
    await registry.reached({ generation: topic.generation, offset: baseOffset + 1 });
  }
  const owner = ownerOf(registry);
  if (owner === undefined || owner === clusterId) return;
  throw new WattlogError(
    "config/invalid",
    `Kafka's ${log.topics.frames.name} is the log of the cluster ${owner}, and WATTLOG_CLUSTER_ID says ${clusterId}: give each cluster a Kafka of its own, or correct it.`,
  );
}

function ownerOf(registry: RegistryView): string | undefined {
  for (const party of registry.parties()) {
    const found = registry.find(trusted.party(party), kind, kind);
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
 * @throws WattlogError `config/invalid` where it belongs to others
 */
export async function claimStore(store: Store, to: Belonging, generation: number): Promise<void> {
  let facts = await factsOf(store.reader);
  if (!facts.has("cluster") || !facts.has("log")) {
    const rows = [
      { name: "cluster", value: to.cluster },
      { name: "log", value: to.log },
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
  if (log === to.log) return;
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
  const rows = await db.selectFrom("fact").selectAll().execute();
  return new Map(rows.map(({ name, value }) => [name, value]));
}

async function newestGeneration(db: Store["reader"]): Promise<number> {
  const row = await db
    .selectFrom("position")
    .select((eb) => eb.fn.max("generation").as("newest"))
    .executeTakeFirst();
  return row?.newest ?? 0;
}
