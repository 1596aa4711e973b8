// What of the registry partners are told: locations and tariffs that changed.
import type { PartyId } from "../../../core/ids/ids.ts";
import type { LogBatch } from "../../../core/log/log.ts";
import type { EntityKind } from "../../../core/registry/entities.ts";
import { decodeChange } from "../../../core/records/registry-change.ts";
import type { Change } from "../../../core/store/store.ts";
import type { EvseStatuses } from "./evse-statuses.ts";
import { Feed } from "./feed.ts";
import { markChange, type Mark } from "./marks.ts";
import type { PushNeeds } from "./needs.ts";
import { pushPeersOf, receiverOf } from "./peers.ts";

const pushed: Partial<Record<EntityKind, "locations" | "tariffs">> = { location: "locations", tariff: "tariffs" };

/** One for the whole registry, which has one partition. */
export function registryFeed(
  needs: PushNeeds,
  statuses: EvseStatuses,
  owns: (() => Promise<boolean>) | undefined,
): Feed {
  return new Feed(needs, {
    topic: needs.log.topics.registry,
    partition: 0,
    behind: "registry",
    owns,
    begin: () => Promise.resolve([]),
    conclude: (batch) => conclude(needs, statuses, batch),
  });
}

async function conclude(
  { registry, log, store }: PushNeeds,
  statuses: EvseStatuses,
  { records }: LogBatch,
): Promise<readonly Change[]> {
  await registry.reached({ generation: log.topics.registry.generation, offset: records.at(-1)!.offset + 1 });
  const marks: Mark[] = [];
  const locations = new Map<PartyId, Set<string>>();
  for (const { offset, logTime, value } of records) {
    const { party, entity, id } = decodeChange(value);
    const module = pushed[entity];
    // Log order may have refused it (rule R1).
    const isApplied = () => registry.versions(party, entity, id).some(({ version }) => version === offset + 1);
    if (module === undefined || !isApplied()) continue;
    for (const { doc } of pushPeersOf(registry, party)) {
      if (receiverOf(doc, module) === undefined) continue;
      marks.push({ party, partner: doc.id, kind: module, object: id, due: logTime });
    }
    if (module !== "locations") continue;
    locations.set(party, (locations.get(party) ?? new Set()).add(id));
  }
  // Their EVSEs are told with them: what changes from now on is compared with this.
  const changes: Change[] = [];
  for (const [party, ids] of locations) changes.push((await statuses.ofLocations(party, ids, 0)).rows);
  return [...changes, await markChange(store.reader, marks)];
}
