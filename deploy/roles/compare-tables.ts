// Two sides of every table, by their checksums (rule L4).
import { createHash } from "node:crypto";
import type { Kysely } from "kysely";

import { checksumTables, type ChecksumTable, type TableChecksum } from "../../core/store/checksum.ts";
import type { RegistryVersionRow, Schema } from "../../core/store/tables.ts";

export interface TableComparison {
  readonly table: ChecksumTable | "registry_version";
  readonly live: TableChecksum;
  readonly rebuilt: TableChecksum;
  readonly equal: boolean;
}

/** By `table/partition`, and `registry_version`. */
export type Sums = ReadonlyMap<string, TableChecksum>;

/** Of the partitions that are live. */
export function compareSums(live: Sums, rebuilt: Sums): readonly TableComparison[] {
  return [...checksumTables, "registry_version" as const].map((table) => {
    const [a, b] = [joined(table, live, live), joined(table, rebuilt, live)];
    return { table, live: a, rebuilt: b, equal: a.rows === b.rows && a.sha256 === b.sha256 };
  });
}

export function differs({ table, live, rebuilt }: TableComparison): string {
  return `${table} differs from its rebuild: ${live.rows} rows are live, ${rebuilt.rows} come from the log (checksums ${live.sha256.slice(0, 12)} and ${rebuilt.sha256.slice(0, 12)}).`;
}

const nothing: TableChecksum = { rows: 0, sha256: createHash("sha256").digest("hex") };

function joined(table: string, sums: Sums, reference: Sums): TableChecksum {
  if (table === "registry_version") return sums.get(table) ?? nothing;
  const parts = [...reference.keys()].filter((key) => key.startsWith(`${table}/`)).sort();
  const hash = createHash("sha256");
  let rows = 0;
  for (const part of parts) {
    const sum = sums.get(part) ?? nothing;
    rows += sum.rows;
    hash.update(sum.sha256);
  }
  return { rows, sha256: hash.digest("hex") };
}

export async function registryChecksum(db: Kysely<Schema>): Promise<TableChecksum> {
  const sum = new RegistrySum();
  for (const row of await db.selectFrom("registry_version").selectAll().orderBy("version").execute()) sum.add(row);
  return sum.done();
}

/** Of rows in the order of their versions. */
export class RegistrySum {
  private readonly hash = createHash("sha256");
  private rows = 0;

  add(row: RegistryVersionRow): void {
    const { version, party, entity, id, document, actor, log_time } = row;
    this.hash.update(`${JSON.stringify([version, party, entity, id, document, actor, log_time])}\n`);
    this.rows += 1;
  }

  done(): TableChecksum {
    return { rows: this.rows, sha256: this.hash.digest("hex") };
  }
}
