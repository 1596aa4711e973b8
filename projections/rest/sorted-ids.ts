// Ids of a kind in order, for lists by page. Sorting a million for each page would cost more than a thousand pages.
import type { PartyId } from "../../core/ids/ids.ts";
import type { EntityKind } from "../../core/registry/entities.ts";
import type { RegistryView } from "../../core/registry/view.ts";

const sorted = new WeakMap<RegistryView, Map<string, readonly string[]>>();

/** Of everything that is there or ever was, ascending. What is new is merged in: an import does not sort anew for each page. */
export function sortedIds(registry: RegistryView, party: PartyId, entity: EntityKind): readonly string[] {
  const kinds = sorted.get(registry) ?? new Map<string, readonly string[]>();
  sorted.set(registry, kinds);
  const key = `${party}/${entity}`;
  const known = kinds.get(key) ?? [];
  if (known.length === registry.idCount(party, entity)) return known;
  // Ids only ever come, and the newest last.
  const fresh = [...registry.ids(party, entity)].slice(known.length).sort(byCode);
  const all = merged(known, fresh);
  kinds.set(key, all);
  return all;
}

function merged(a: readonly string[], b: readonly string[]): string[] {
  const all: string[] = [];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) all.push(a[i]! < b[j]! ? a[i++]! : b[j++]!);
  while (i < a.length) all.push(a[i++]!);
  while (j < b.length) all.push(b[j++]!);
  return all;
}

/** As the database orders: by code unit, whatever the locale. */
export function byCode(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Place of the first one after `after`. */
export function firstAbove(ids: readonly string[], after: string): number {
  let [low, high] = [0, ids.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ids[middle]! <= after) low = middle + 1;
    else high = middle;
  }
  return low;
}
