// What waits for a partner: one row an object, whatever happened to it since. The content is made when it is sent.
import type { Change, Store } from "../../../core/store/store.ts";
import type { OcpiPushRow } from "../../../core/store/tables.ts";
import type { PushedModule } from "./peers.ts";

/** Parameters of one statement are limited. */
const keysPerQuery = 300;

/**
 * `evses`: the status of one EVSE; its object is location and EVSE, as in an address. `profiles`: the active charging profile of
 * a session.
 */
export type ObjectKind = PushedModule | "evses" | "profiles";

/** `results`: of a command; its object is the command's id. */
export type PushKind = ObjectKind | "results";

export function moduleOf<Kind extends ObjectKind>(kind: Kind): ModuleOf<Kind> {
  const module = kind === "evses" ? "locations" : kind === "profiles" ? "chargingprofiles" : kind;
  return module as ModuleOf<Kind>;
}

type ModuleOf<Kind> = Kind extends "profiles" ? "chargingprofiles" : Kind extends "evses" ? "locations" : Kind;

export interface Mark {
  readonly party: string;
  readonly partner: string;
  readonly kind: PushKind;
  readonly object: string;
  /** Not sent before, and those with an earlier one go first; epoch ms. */
  readonly due: number;
  /** Of a status: JSON, as it is now. */
  readonly body?: string;
}

/** An EVSE within an address: ids may have any character. */
export function evseObject(location: string, evse: string): string {
  return `${encodeURIComponent(location)}/${encodeURIComponent(evse)}`;
}

export function locationOfEvse(object: string): string {
  return decodeURIComponent(object.slice(0, object.indexOf("/")));
}

/**
 * A mark that waits already keeps its place; `changed` rises, so that what is on its way at this moment is not taken for
 * all there is.
 */
export async function markChange(db: Store["reader"], marks: readonly Mark[]): Promise<Change> {
  const merged = new Map<string, OcpiPushRow>();
  for (const { party, partner, kind: module, object, due, body = null } of marks) {
    const before = merged.get(keyOf({ party, partner, module, object }));
    const row = { party, partner, module, object, due: Math.min(due, before?.due ?? due), changed: 1, body };
    merged.set(keyOf(row), row);
  }
  for (const existing of await waiting(db, [...merged.values()])) {
    const row = merged.get(keyOf(existing));
    if (!row) continue;
    merged.set(keyOf(row), { ...row, due: Math.min(row.due, existing.due), changed: existing.changed + 1 });
  }
  return { act: "upsert", table: "ocpi_push", rows: [...merged.values()] };
}

async function waiting(db: Store["reader"], rows: readonly OcpiPushRow[]): Promise<readonly OcpiPushRow[]> {
  const found: OcpiPushRow[] = [];
  const lists = Map.groupBy(rows, ({ party, partner, module }) => JSON.stringify([party, partner, module]));
  for (const list of lists.values()) {
    const { party, partner, module } = list[0]!;
    for (let at = 0; at < list.length; at += keysPerQuery) {
      const objects = list.slice(at, at + keysPerQuery).map(({ object }) => object);
      const some = await db
        .selectFrom("ocpi_push")
        .selectAll()
        .where("party", "=", party)
        .where("partner", "=", partner)
        .where("module", "=", module)
        .where("object", "in", objects)
        .execute();
      found.push(...some);
    }
  }
  return found;
}

function keyOf({ party, partner, module, object }: Omit<OcpiPushRow, "due" | "changed" | "body">): string {
  return JSON.stringify([party, partner, module, object]);
}
