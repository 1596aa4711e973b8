// The registry as a fold of `registry.events`: every version of every entity, so that a lookup can be answered
// as of any position (rule R2). The verdict on a change follows from log order (rule R1).
import type { PartyId } from "../ids/ids.ts";
import { beginsGeneration } from "../log/generations.ts";
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

/** So many change ids are remembered at least, and at most twice as many. */
const recentChangeIds = 50_000;

/** Most entities never change, and there may be a million: a list of one would cost more than what is in it. */
type History = Version | Version[];

/**
 * Of what `dump` gives and `restore` takes, and of what `apply` makes of the same changes. Whoever changes either raises it:
 * older snapshots are then dropped, and the registry is folded from its first record. A test holds a hash of both.
 */
export const foldVersion = 1;

/** A part of a fold as it stood at one position. */
export type FoldPiece =
  | { readonly kind: string; readonly histories: readonly (readonly [id: string, history: History])[] }
  | { readonly seen: ReadonlyMap<string, number>; readonly before: boolean };

/** Fields whose last text is known; documents of partners bring names of their own. */
const sharedNames = 100;

export class RegistryFold {
  /** By party and kind, then by id, in order of first change. */
  private readonly kinds = new Map<string, Map<string, History>>();
  private readonly lastTexts = new Map<string, string>();
  private seen = new Map<string, number>();
  private seenBefore = new Map<string, number>();
  /** Next offset to apply. */
  private nextOffset = 0;

  get next(): number {
    return this.nextOffset;
  }

  /** What follows is another generation of the log, whose offsets begin there (rule R2). */
  beginGeneration(firstOffset: number): void {
    this.nextOffset = Math.max(this.nextOffset, firstOffset);
  }

  apply(offset: number, logTime: number, change: RegistryChange): Verdict {
    if (beginsGeneration(offset)) this.beginGeneration(offset);
    if (offset !== this.nextOffset) throw new Error(`registry fold expected offset ${this.nextOffset}, got ${offset}`);
    this.nextOffset = offset + 1;
    const known = this.seen.get(change.changeId) ?? this.seenBefore.get(change.changeId);
    if (known !== undefined) return { result: "repeated", first: unpacked(known) };
    const kind = `${change.party}|${change.entity}`;
    const history = this.kinds.get(kind)?.get(change.id);
    const last = Array.isArray(history) ? history.at(-1) : history;
    const current = last?.doc ? last.version : 0;
    if (change.expectedVersion !== null && change.expectedVersion !== current) {
      return this.remembered(change.changeId, { result: "conflict", version: current });
    }
    const version = { version: offset + 1, doc: change.doc, logTime };
    if (change.doc) this.share(change.doc as Record<string, unknown>);
    if (Array.isArray(history)) history.push(version);
    else this.idsOf(kind).set(change.id, history ? [history, version] : version);
    return this.remembered(change.changeId, { result: "applied", version: offset + 1, created: current === 0 });
  }

  /** @param at registry position (exclusive offset); undefined: the newest. */
  lookup<Kind extends EntityKind>(
    party: PartyId,
    entity: Kind,
    id: string,
    at?: number,
  ): { readonly doc: EntityDocs[Kind]; readonly version: number } | undefined {
    const history = this.kinds.get(`${party}|${entity}`)?.get(id);
    if (!history) return undefined;
    const inForce = (candidate: Version) => at === undefined || candidate.version <= at;
    const found = Array.isArray(history) ? history.findLast(inForce) : inForce(history) ? history : undefined;
    return found?.doc ? { doc: found.doc as EntityDocs[Kind], version: found.version } : undefined;
  }

  /** Every version of it, the oldest first. */
  versions(party: PartyId, entity: EntityKind, id: string): readonly Version[] {
    const history = this.kinds.get(`${party}|${entity}`)?.get(id);
    return history === undefined ? [] : Array.isArray(history) ? history : [history];
  }

  /** Ids that exist now or ever existed, in order of first change. */
  ids(party: PartyId, entity: EntityKind): Iterable<string> {
    return this.kinds.get(`${party}|${entity}`)?.keys() ?? [];
  }

  idCount(party: PartyId, entity: EntityKind): number {
    return this.kinds.get(`${party}|${entity}`)?.size ?? 0;
  }

  existed(party: PartyId, entity: EntityKind, id: string): boolean {
    return this.kinds.get(`${party}|${entity}`)?.has(id) ?? false;
  }

  parties(): Set<string> {
    return new Set([...this.kinds.keys()].map((key) => key.slice(0, key.indexOf("|"))));
  }

  /**
   * As it stands now, in pieces of at most `size` entities that may be taken later, one by one: what is applied meanwhile
   * is not in them.
   */
  dump(size: number): { readonly next: number; readonly pieces: Iterable<FoldPiece> } {
    const { nextOffset: next } = this;
    const seen: FoldPiece[] = [
      { seen: new Map(this.seenBefore), before: true },
      { seen: new Map(this.seen), before: false },
    ];
    return { next, pieces: this.pieces(next, seen, size) };
  }

  private *pieces(next: number, seen: readonly FoldPiece[], size: number): Generator<FoldPiece> {
    yield* seen;
    for (const [kind, byId] of this.kinds) {
      let histories: [string, History][] = [];
      for (const [id, history] of byId) {
        const then = [history].flat().filter(({ version }) => version <= next);
        const [first] = then;
        // An entity that changed once is not a list (see History).
        if (first) histories.push([id, then.length === 1 ? first : then]);
        if (histories.length < size) continue;
        yield { kind, histories };
        histories = [];
      }
      if (histories.length > 0) yield { kind, histories };
    }
  }

  /** The pieces of a dump, in their order, into an empty fold; what follows are the records from `next` on. */
  restore(piece: FoldPiece, next: number): void {
    this.nextOffset = next;
    if ("seen" in piece) {
      if (piece.before) this.seenBefore = new Map(piece.seen);
      else this.seen = new Map(piece.seen);
      return;
    }
    const byId = this.idsOf(piece.kind);
    for (const [id, history] of piece.histories) {
      for (const { doc } of Array.isArray(history) ? history : [history]) {
        if (doc) this.share(doc as Record<string, unknown>);
      }
      byId.set(id, history);
    }
  }

  private idsOf(kind: string): Map<string, History> {
    const known = this.kinds.get(kind);
    if (known) return known;
    const fresh = new Map<string, History>();
    this.kinds.set(kind, fresh);
    return fresh;
  }

  /** Of a million tokens the type and the whitelist are the same few words: each is kept once. */
  private share(doc: Record<string, unknown>): void {
    for (const name of Object.keys(doc)) {
      const value = doc[name];
      if (typeof value !== "string") continue;
      const last = this.lastTexts.get(name);
      if (last === value) doc[name] = last;
      else if (last !== undefined || this.lastTexts.size < sharedNames) this.lastTexts.set(name, value);
    }
  }

  // Bounded: a change is repeated within seconds (a retry), never after so many others. Forgotten as a whole, for taking
  // the first out of a Map again and again walks over every one that was taken out before.
  private remembered(changeId: string, decided: Decided): Decided {
    this.seen.set(changeId, packed(decided));
    if (this.seen.size === recentChangeIds) {
      this.seenBefore = this.seen;
      this.seen = new Map();
    }
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
