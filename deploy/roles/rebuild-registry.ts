// The registry's table has no sets: each of its rows is one change of the log, so what differs is put right in place.
import type { Kysely } from "kysely";

import type { EventLog } from "../../core/log/log.ts";
import type { TableChecksum } from "../../core/store/checksum.ts";
import { readPosition } from "../../core/store/position.ts";
import type { Store } from "../../core/store/store.ts";
import type { RegistryVersionRow, Schema } from "../../core/store/tables.ts";
import { registryRole, registryVersions } from "../../projections/models/registry-table.ts";
import { RegistrySum } from "./compare-tables.ts";

/** Up to where the live table stands. */
export async function registryEnd(db: Kysely<Schema>, log: EventLog): Promise<number> {
  return (await readPosition(db, registryRole, log.topics.registry.name, 0))?.next ?? 0;
}

export async function registrySum(log: EventLog, upTo: number): Promise<TableChecksum> {
  const sum = new RegistrySum();
  for await (const { rows } of registryVersions(log, upTo)) for (const row of rows) sum.add(row);
  return sum.done();
}

/** Beside a live projection, which only ever adds later rows. */
export async function healRegistry({ log, store }: { readonly log: EventLog; readonly store: Store }): Promise<void> {
  let from = 0;
  for await (const { rows, next } of registryVersions(log, await registryEnd(store.reader, log))) {
    const found = await store.reader
      .selectFrom("registry_version")
      .selectAll()
      // The version is the change's offset and one.
      .where("version", ">", from)
      .where("version", "<=", next)
      .execute();
    const wanted = new Set(rows.map(textOf));
    const kept = new Set(found.map(textOf));
    const foreign = found.filter((row) => !wanted.has(textOf(row)));
    const missing = rows.filter((row) => !kept.has(textOf(row)));
    from = next;
    if (foreign.length + missing.length === 0) continue;
    await store.write({
      changes: [
        { act: "remove", table: "registry_version", rows: foreign },
        { act: "upsert", table: "registry_version", rows: missing },
      ],
    });
  }
}

function textOf({ version, party, entity, id, document, actor, log_time }: RegistryVersionRow): string {
  return JSON.stringify([version, party, entity, id, document, actor, log_time]);
}
