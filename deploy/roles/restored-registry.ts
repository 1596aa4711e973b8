// Rule B5, the registry: its table holds changes that the log does not hold any more. They are listed and taken out, for the
// log is what gateways decide by; who made them may make them again.
import { RegistryView } from "../../core/registry/view.ts";
import type { Position } from "../../core/ids/ids.ts";
import type { EventLog } from "../../core/log/log.ts";
import { readPosition } from "../../core/store/position.ts";
import type { Store } from "../../core/store/store.ts";
import type { RegistryVersionRow } from "../../core/store/tables.ts";
import { registryRole, registryVersions } from "../../projections/models/registry-table.ts";
import type { LostItem } from "./lost.ts";
import { healRegistry } from "./rebuild-registry.ts";
import { fingerprintBefore } from "./restored-ends.ts";

/**
 * Nobody waits for a position that the log does not reach any more: beyond its end it means its end, as rule R2 has it of a
 * generation that has ended. A copy of the frames may have come further than that of the registry.
 */
export class RestoredRegistry extends RegistryView {
  private readonly restored: EventLog;

  constructor(log: EventLog) {
    super(log);
    this.restored = log;
  }

  override async reached(position: Position): Promise<void> {
    const end = await this.restored.endOffset(this.restored.topics.registry, 0);
    await super.reached({ ...position, offset: Math.min(position.offset, end) });
  }
}

/** Documents stay out of it, but for blocks of CDRs' numbers: there are hashes of passwords among them. */
export async function lostChanges(store: Store, log: EventLog): Promise<readonly LostItem[]> {
  const lost: RegistryVersionRow[] = [];
  const end = await log.endOffset(log.topics.registry, 0);
  let from = 0;
  for await (const { rows, next } of registryVersions(log, end)) {
    lost.push(...(await foreign(store, from, next, rows)));
    from = next;
  }
  lost.push(...(await foreign(store, from, Number.MAX_SAFE_INTEGER, [])));
  return lost.map(({ party, entity, id, version, document, actor, log_time }) => {
    const block = entity === "cdrChain" && document !== null && { block: JSON.parse(document) as unknown };
    const what = { entity, version, actor, at: log_time, removed: document === null, ...block };
    return { party, station: entity === "station" ? id : "", kind: "registry", id: `${entity}/${id}`, what };
  });
}

/** Idempotent. */
export async function restoreRegistry(store: Store, log: EventLog): Promise<void> {
  const topic = log.topics.registry;
  const end = await log.endOffset(topic, 0);
  const fingerprint = await fingerprintBefore(log, topic, 0, end);
  let applied = 0;
  for await (const { rows } of registryVersions(log, end)) applied += rows.length;
  await store.transaction(async (tx) => {
    const row = await readPosition(tx.db, registryRole, topic.name, 0);
    if (!row) return;
    await tx.db.deleteFrom("registry_version").where("version", ">", end).execute();
    await tx.upsert("position", [{ ...row, next: end, fingerprint, applied, skipped: end - applied }]);
  });
  await healRegistry({ log, store });
}

/** Rows of versions from `from`, exclusive, to `to` that are not among those of the log. */
async function foreign(
  { reader }: Store,
  from: number,
  to: number,
  wanted: readonly RegistryVersionRow[],
): Promise<readonly RegistryVersionRow[]> {
  const found = await reader
    .selectFrom("registry_version")
    .selectAll()
    .where("version", ">", from)
    .where("version", "<=", to)
    .orderBy("version")
    .execute();
  const known = new Map(wanted.map((row) => [row.version, row]));
  return found.filter((row) => {
    const other = known.get(row.version);
    return other?.document !== row.document || other.entity !== row.entity || other.id !== row.id;
  });
}
