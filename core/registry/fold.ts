// The registry as a fold of `registry.events`: every version of every entity, so that a lookup can be answered
// as of any position (rule R2). The verdict on a change follows from log order (rule R1).
import type { PartyId } from "../ids/ids.ts";
import type { RegistryChange } from "../records/registry-change.ts";
import type { EntityDocs, EntityKind } from "./entities.ts";

export type Decided =
  | { readonly result: "applied"; readonly version: number; readonly created: boolean }
  | { readonly result: "conflict"; readonly version: number };

/** A repeated change id changes nothing, and whoever repeats it learns what became of it (rule R1). */
export type Verdict = Decided | { readonly result: "repeated"; readonly first: Decided };

export interface Version {
  /** Offset of the change + 1, so that "0" can mean: does not exist. */
  readonly version: number;
  /** null: removed. */
  readonly doc: object | null;
  readonly logTime: number;
}

/** A changed entity, for whoever keeps something derived from it (caches, tables, live views). */
export interface Changed {
  readonly party: PartyId;
  readonly entity: EntityKind;
  readonly id: string;
  readonly version: Version;
}

const recentChangeIds = 100_000;

export class RegistryFold {
  private readonly versions = new Map<string, Version[]>();
  private readonly byKind = new Map<string, Set<string>>();
  private readonly seen = new Map<string, number>();
  /** Next offset to apply. */
  private nextOffset = 0;

  get next(): number {
    return this.nextOffset;
  }

  apply(offset: number, logTime: number, change: RegistryChange): Verdict {
    if (offset !== this.nextOffset) throw new Error(`registry fold expected offset ${this.nextOffset}, got ${offset}`);
    this.nextOffset = offset + 1;
    const known = this.seen.get(change.changeId);
    if (known !== undefined) return { result: "repeated", first: unpacked(known) };
    const key = `${change.party}|${change.entity}|${change.id}`;
    const history = this.versions.get(key);
    const last = history?.at(-1);
    const current = last?.doc ? last.version : 0;
    if (change.expectedVersion !== null && change.expectedVersion !== current) {
      return this.remembered(change.changeId, { result: "conflict", version: current });
    }
    const version = { version: offset + 1, doc: change.doc, logTime };
    // Most entities never change: a literal holds one, a push to an empty array makes room for seventeen.
    if (history) history.push(version);
    else this.versions.set(key, [version]);
    this.index(change);
    return this.remembered(change.changeId, { result: "applied", version: offset + 1, created: current === 0 });
  }

  /** @param at registry position (exclusive offset); undefined: the newest. */
  lookup<Kind extends EntityKind>(
    party: PartyId,
    entity: Kind,
    id: string,
    at?: number,
  ): { readonly doc: EntityDocs[Kind]; readonly version: number } | undefined {
    const history = this.versions.get(`${party}|${entity}|${id}`);
    if (!history) return undefined;
    for (let i = history.length - 1; i >= 0; i--) {
      const candidate = history[i]!;
      if (at !== undefined && candidate.version > at) continue;
      return candidate.doc ? { doc: candidate.doc as EntityDocs[Kind], version: candidate.version } : undefined;
    }
    return undefined;
  }

  /** Ids that exist now or ever existed, in order of first change. */
  ids(party: PartyId, entity: EntityKind): Iterable<string> {
    return this.byKind.get(`${party}|${entity}`) ?? [];
  }

  parties(): Set<string> {
    return new Set([...this.byKind.keys()].map((key) => key.slice(0, key.indexOf("|"))));
  }

  private index(change: RegistryChange): void {
    const key = `${change.party}|${change.entity}`;
    const ids = this.byKind.get(key);
    if (ids) ids.add(change.id);
    else this.byKind.set(key, new Set([change.id]));
  }

  // Bounded: a change is repeated within seconds (a retry), never after a hundred thousand others.
  private remembered(changeId: string, decided: Decided): Decided {
    this.seen.set(changeId, packed(decided));
    if (this.seen.size > recentChangeIds) this.seen.delete(this.seen.keys().next().value!);
    return decided;
  }
}

// One number a change: three threads keep a hundred thousand of them.
const [conflict, applied, created] = [0, 1, 2];

function packed(decided: Decided): number {
  const word = decided.result === "conflict" ? conflict : decided.created ? created : applied;
  return decided.version * 3 + word;
}

function unpacked(number: number): Decided {
  const [version, word] = [Math.floor(number / 3), number % 3];
  return word === conflict
    ? { result: "conflict", version }
    : { result: "applied", version, created: word === created };
}
