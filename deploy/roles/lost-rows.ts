// Rule B5: rows that people, partners and books knew, and that the surviving log does not lead to any more.
import { sql, type Kysely } from "kysely";

import type { CdrChainDoc } from "../../core/registry/entities.ts";
import type { CdrRow, Schema } from "../../core/store/tables.ts";
import { numberOf } from "../../projections/rest/cdr-chain.ts";
import type { Sides } from "./lost-frames.ts";
import type { LostItem, LostKind } from "./lost.ts";

interface Compared {
  readonly kind: LostKind;
  readonly table: "session" | "cdr" | "cdr_review" | "command" | "quarantine";
  /** Another value is something lost too. */
  readonly told: readonly string[];
}

const projected: readonly Compared[] = [
  { kind: "session", table: "session", told: ["status", "started_at", "ended_at", "energy_mwh", "cdr_id"] },
  { kind: "cdr", table: "cdr", told: ["energy_mwh", "currency", "total_incl_vat", "document"] },
  { kind: "cdrReview", table: "cdr_review", told: ["state", "decisions"] },
  { kind: "command", table: "command", told: ["action", "status", "outcome"] },
];
const held: Compared = { kind: "quarantine", table: "quarantine", told: ["stage", "state", "transaction_key"] };

/** Of the projection, with what is still to be sent projected. */
export async function lostRows(db: Kysely<Schema>, sides: Sides): Promise<readonly LostItem[]> {
  const lists = [];
  for (const compared of projected) lists.push(await differing(db, sides, compared));
  return lists.flat();
}

export function lostHolds(db: Kysely<Schema>, sides: Sides): Promise<readonly LostItem[]> {
  return differing(db, sides, held);
}

/** Rows of the former set that are gone, or say something else of what was told. */
async function differing(
  db: Kysely<Schema>,
  { partition, former, rebuilt }: Sides,
  { kind, table, told }: Compared,
): Promise<readonly LostItem[]> {
  const columns = sql.join(
    told.flatMap((name) => [
      sql`f.${sql.ref(name)} as ${sql.ref(`was_${name}`)}`,
      sql`r.${sql.ref(name)} as ${sql.ref(`is_${name}`)}`,
    ]),
  );
  const others = sql.join(
    told.map((name) => sql`f.${sql.ref(name)} is distinct from r.${sql.ref(name)}`),
    sql` or `,
  );
  const { rows } = await sql<Readonly<Record<string, unknown>>>`
    select f.party, f.station, f.id, r.id as found, ${columns} from ${sql.table(table)} f
    left join ${sql.table(table)} r on r.table_set = ${rebuilt} and r.id = f.id
    where f.table_set = ${former} and f.partition = ${partition} and (r.id is null or ${others})
    order by f.party, f.station, f.id`.execute(db);
  return rows.map((row) => {
    const side = (name: "was" | "is") => Object.fromEntries(told.map((column) => [column, row[`${name}_${column}`]]));
    const what = { was: side("was"), is: row["found"] === null ? null : side("is") };
    return { party: String(row["party"]), station: String(row["station"]), kind, id: String(row["id"]), what };
  });
}

/** What of a CDR left the house: its number, where a block had it, and the partners who took it. */
export async function withProofs(db: Kysely<Schema>, items: readonly LostItem[]): Promise<readonly LostItem[]> {
  const blocks = new Map<string, readonly CdrChainDoc[]>();
  const proven: LostItem[] = [];
  for (const item of items) {
    if (item.kind !== "cdr") {
      proven.push(item);
      continue;
    }
    const { party, id } = item;
    if (!blocks.has(party)) blocks.set(party, await blocksIn(db, party));
    const row = await db.selectFrom("live_cdr").selectAll().where("id", "=", id).executeTakeFirst();
    const number = row ? await numberOf(db, blocks.get(party)!, row satisfies CdrRow) : null;
    const partners = await db
      .selectFrom("ocpi_delivery")
      .select("partner")
      .where("party", "=", party)
      .where("module", "=", "cdrs")
      .where("object", "=", id)
      .where("delivered_at", "is not", null)
      .orderBy("partner")
      .execute();
    proven.push({ ...item, what: { ...item.what, number, partners: partners.map(({ partner }) => partner) } });
  }
  return proven;
}

/** As the tables have them: the log may have lost blocks too. */
async function blocksIn(db: Kysely<Schema>, party: string): Promise<readonly CdrChainDoc[]> {
  const rows = await db
    .selectFrom("registry_version")
    .select("document")
    .where("party", "=", party)
    .where("entity", "=", "cdrChain")
    .orderBy("version")
    .execute();
  return rows.flatMap(({ document }) => (document === null ? [] : [JSON.parse(document) as CdrChainDoc]));
}
