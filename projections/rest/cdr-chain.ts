// Numbers of CDRs without gaps, and a hash chain over them (rule F7). A registry change closes a block: all CDRs that a party
// booked before a moment that every partition has passed. Within it they are numbered in the order of booking, which never
// changes, and each hash takes in the one before it. The registry's verdict makes one writer of however many apis there are:
// of two that close the same block the first in the log counts (docs/decisions/0023).
import { createHash } from "node:crypto";

import type { CdrChainDoc } from "../../core/registry/entities.ts";
import { trusted } from "../../core/ids/ids.ts";
import type { RegistryView } from "../../core/registry/view.ts";
import type { Store } from "../../core/store/store.ts";
import type { CdrRow } from "../../core/store/tables.ts";
import { bookedCdrs, type NumberedRow } from "./cdr-ledger.ts";

type Db = Store["reader"];

/** Of a block that closes: an api that catches up goes on with the next one. */
const mostInBlock = 50_000;

export function blocksOf(registry: Pick<RegistryView, "versions">, party: string): readonly CdrChainDoc[] {
  return registry
    .versions(trusted.party(party), "cdrChain", party)
    .flatMap(({ doc }) => (doc === null ? [] : [doc as CdrChainDoc]));
}

/** @param previous hex; "" before the first one */
export function chainedHash(previous: string, number: number, row: CdrRow): string {
  const { id, station, last_updated, document } = row;
  return createHash("sha256")
    .update(JSON.stringify([previous, number, id, station, last_updated, document]))
    .digest("hex");
}

/**
 * @param until every partition has passed it, with room for clocks that differ
 * @returns undefined where nothing was booked since the last block
 */
export async function nextBlock(
  db: Db,
  party: string,
  last: CdrChainDoc | undefined,
  until: number,
): Promise<CdrChainDoc | undefined> {
  const from = last?.until ?? 0;
  const first = (last?.last ?? 0) + 1;
  let [number, hash, end, booked] = [first - 1, last?.hash ?? "", until, 0];
  // As the rows stand there, sealed or not: an erasure breaks no chain.
  for await (const row of bookedCdrs(db.withoutPlugins(), { party, from, to: until })) {
    // Those of one moment stay together.
    if (number - first + 1 >= mostInBlock && row.last_updated > booked) {
      end = row.last_updated;
      break;
    }
    number += 1;
    hash = chainedHash(hash, number, row);
    booked = row.last_updated;
  }
  return number < first ? undefined : { id: party, first, last: number, from, until: end, hash };
}

export interface ChainCheck {
  readonly blocks: number;
  readonly cdrs: number;
  /** The first block that is not what it was closed as, in a sentence; null: the chain holds. */
  readonly broken: string | null;
  readonly hash: string;
}

/** Every CDR again, from the first block on. */
export async function verifyChain(db: Db, party: string, blocks: readonly CdrChainDoc[]): Promise<ChainCheck> {
  let [number, hash, from, checked] = [0, "", 0, 0];
  for (const block of blocks) {
    const broken = (why: string) => ({ blocks: checked, cdrs: number, hash, broken: `${nameOf(block)}: ${why}` });
    if (block.first !== number + 1 || block.from !== from)
      return broken("it does not begin where the one before it ends.");
    let [inBlock, linked] = [0, hash];
    for await (const row of bookedCdrs(db.withoutPlugins(), { party, from: block.from, to: block.until })) {
      inBlock += 1;
      linked = chainedHash(linked, number + inBlock, row);
    }
    const closed = block.last - block.first + 1;
    if (inBlock !== closed) return broken(`${inBlock} CDRs are in its time, it was closed with ${closed}.`);
    if (linked !== block.hash) return broken("a CDR is not what it was, or another one.");
    [number, hash, from, checked] = [block.last, linked, block.until, checked + 1];
  }
  return { blocks: checked, cdrs: number, hash, broken: null };
}

function nameOf({ first, last, from, until }: CdrChainDoc): string {
  const since = from === 0 ? "the beginning" : new Date(from).toISOString();
  return `The block of the CDRs ${first} to ${last} (${since} to ${new Date(until).toISOString()})`;
}

/** @returns null: no block has it yet. */
export async function numberOf(
  db: Db,
  blocks: readonly CdrChainDoc[],
  row: Pick<CdrRow, "party" | "id" | "last_updated">,
): Promise<number | null> {
  const block = blocks.find(({ from, until }) => row.last_updated >= from && row.last_updated < until);
  if (!block) return null;
  const { before } = await db
    .selectFrom("live_cdr")
    .select(({ fn }) => fn.countAll<number | string>().as("before"))
    .where("party", "=", row.party)
    .where("last_updated", ">=", block.from)
    .where("last_updated", "<=", row.last_updated)
    .where((eb) => eb.or([eb("last_updated", "<", row.last_updated), eb("id", "<", row.id)]))
    .executeTakeFirstOrThrow();
  return block.first + Number(before);
}

/** In the order of booking, as `bookedCdrs` has them. */
export async function* numbered(
  rows: AsyncIterable<CdrRow>,
  db: Db,
  blocks: readonly CdrChainDoc[],
): AsyncGenerator<NumberedRow, void, undefined> {
  let [number, until]: [number | null, number] = [null, 0];
  for await (const row of rows) {
    // Within a block they follow one another.
    number = number !== null && row.last_updated < until ? number + 1 : await numberOf(db, blocks, row);
    until = blocks.find((block) => block.last >= (number ?? Infinity))?.until ?? 0;
    yield { ...row, number };
  }
}
