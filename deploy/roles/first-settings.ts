// The environment gives a registry setting its first value and no more (rule F1): folds read the registry alone, so
// that a rebuild under another environment comes to the same rows.
import { randomUUID } from "node:crypto";

import { isLoopback, type Settings } from "../../core/config/settings.ts";
import { logKey, trusted, type PartyId } from "../../core/ids/ids.ts";
import type { EventLog } from "../../core/log/log.ts";
import { encodeChange } from "../../core/records/registry-change.ts";
import type { SettingDoc, SettingId } from "../../core/registry/entities.ts";
import type { RegistryView } from "../../core/registry/view.ts";
import type { Clock } from "../../core/runtime/clock.ts";

/**
 * Writes what the environment (or the defaults that follow from the bind address) says, where nobody has set it
 * since: a value that came from an environment is followed by the next environment's, an operator's stays.
 */
export async function seedSettings(
  settings: Settings,
  party: PartyId,
  deps: { readonly log: EventLog; readonly registry: RegistryView; readonly clock: Clock },
): Promise<void> {
  const { log, registry, clock } = deps;
  for (const [id, value] of Object.entries(environmentValues(settings)) as [SettingId, string | number][]) {
    const known = registry.find(party, "setting", id);
    if (known && (known.doc.from !== "environment" || known.doc.value === value)) continue;
    const doc: SettingDoc = { id, value, from: "environment" };
    const change = encodeChange({
      party,
      keyId: null,
      changeId: randomUUID(),
      entity: "setting",
      id,
      expectedVersion: known?.version ?? 0,
      doc,
      at: clock.now(),
      actor: "environment",
    });
    const topic = log.topics.registry;
    const { baseOffset } = await log.append(topic, 0, [{ key: logKey(party, trusted.station(id)), value: change }]);
    await registry.reached({ generation: topic.generation, offset: baseOffset + 1 });
  }
}

function environmentValues(settings: Settings): Partial<Record<SettingId, string | number>> {
  const ocppBind = settings.ocppBind || settings.bind;
  const inCluster = settings.kafkaBrokers !== "";
  return {
    unknownStations: settings.unknownStations || (inCluster ? "reject" : isLoopback(ocppBind) ? "accept" : "pending"),
    unknownTokens: settings.unknownTokens || (inCluster ? "reject" : "accept"),
    validation: settings.validation,
    settleAfterMs: settings.settleAfterSeconds * 1000,
    heartbeatIntervalSeconds: settings.heartbeatSeconds,
  };
}
