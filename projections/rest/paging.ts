// Lists: `limit`, an opaque `cursor`, `{items, nextCursor?}`. A cursor names the last item's keys, so a page stays
// right while rows are added, and costs the same at the end as at the beginning.
import { limits } from "../../core/config/limits.ts";
import { Problem } from "./problems.ts";

export const defaultPage = 100;

export interface Page<Item> {
  readonly items: readonly Item[];
  readonly nextCursor?: string;
}

export const pageQuery = {
  limit: {
    type: "integer",
    minimum: 1,
    maximum: limits.apiPageMax,
    default: defaultPage,
    description: "Items at most",
  },
  cursor: { type: "string", maxLength: 400, description: "`nextCursor` of the page before" },
} as const;

export interface PageQuery {
  readonly limit: number;
  readonly cursor?: string;
}

type Keys = readonly (string | number)[];

export function encodeCursor(keys: Keys): string {
  return Buffer.from(JSON.stringify(keys)).toString("base64url");
}

/** @throws Problem `bad-request` when it is not a cursor of this list. @param shape e.g. ["number", "string"] */
export function decodeCursor<const Shape extends readonly ("number" | "string")[]>(
  cursor: string | undefined,
  shape: Shape,
): { [K in keyof Shape]: Shape[K] extends "number" ? number : string } | undefined {
  if (cursor === undefined) return undefined;
  let keys: unknown;
  try {
    keys = JSON.parse(Buffer.from(cursor, "base64url").toString("utf8"));
  } catch {
    keys = undefined;
  }
  const fits = Array.isArray(keys) && keys.length === shape.length && shape.every((type, i) => typeof keys[i] === type);
  if (!fits) {
    throw new Problem("bad-request", "This cursor is not of this list; begin again without one.", { path: "cursor" });
  }
  return keys as { [K in keyof Shape]: Shape[K] extends "number" ? number : string };
}

/** @param rows one more than `limit` where there are more. */
export function pageOf<Row, Item>(
  rows: readonly Row[],
  limit: number,
  keys: (row: Row) => Keys,
  show: (row: Row) => Item,
): Page<Item> {
  const items = rows.slice(0, limit).map(show);
  if (rows.length <= limit) return { items };
  return { items, nextCursor: encodeCursor(keys(rows[limit - 1]!)) };
}
