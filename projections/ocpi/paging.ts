// Paged lists (2.2.1, Pagination): the oldest first, counted after filters, the next page by a link that keeps them.
import { limits } from "../../core/config/limits.ts";
import type { OcpiCall } from "./call.ts";
import { invalid, type OcpiAnswer } from "./envelope.ts";
import { parseUtc } from "./values.ts";

export interface PageQuery {
  readonly offset: number;
  readonly limit: number;
  /** Inclusive, epoch ms. */
  readonly from: number | undefined;
  /** Exclusive. */
  readonly to: number | undefined;
}

const largestOffset = 1_000_000_000;

/** @throws OcpiError 2001 */
export function pageQuery({ query }: OcpiCall): PageQuery {
  const offset = wholeNumber(query, "offset", 0) ?? 0;
  const limit = Math.min(limits.ocpiPageMax, wholeNumber(query, "limit", 1) ?? limits.ocpiPageMax);
  return { offset, limit, from: time(query, "date_from"), to: time(query, "date_to") };
}

function wholeNumber(query: OcpiCall["query"], name: string, least: number): number | undefined {
  const text = query[name];
  if (text === undefined) return undefined;
  const number = typeof text === "string" && /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= largestOffset) return number;
  throw invalid(`${name} must be a whole number of ${least} or more.`);
}

function time(query: OcpiCall["query"], name: string): number | undefined {
  const text = query[name];
  if (text === undefined) return undefined;
  const ms = parseUtc(text);
  if (ms === undefined) throw invalid(`${name} must be a UTC time such as 2026-01-31T12:00:00Z.`);
  return ms;
}

/** @param lastUpdated epoch ms. */
export function isWithin({ from = -Infinity, to = Infinity }: PageQuery, lastUpdated: number): boolean {
  return lastUpdated >= from && lastUpdated < to;
}

/** A page of those that were found one by one, and how many there are in all. */
export async function pageOf<T>(
  { offset, limit }: PageQuery,
  found: AsyncIterable<T>,
): Promise<{ total: number; items: T[] }> {
  const items: T[] = [];
  let total = 0;
  for await (const item of found) {
    if (total >= offset && items.length < limit) items.push(item);
    total++;
  }
  return { total, items };
}

/** @param total of all that match, whatever the page. */
export function pageAnswer(call: OcpiCall, page: PageQuery, total: number, items: readonly unknown[]): OcpiAnswer {
  const next = page.offset + page.limit;
  const headers = { "x-total-count": String(total), "x-limit": String(limits.ocpiPageMax) };
  if (next >= total) return { data: items, headers };
  return { data: items, headers: { ...headers, link: `<${nextUrl(call, page, next)}>; rel="next"` } };
}

function nextUrl({ services, path, query }: OcpiCall, { limit }: PageQuery, next: number): string {
  const kept = ["date_from", "date_to"].flatMap((name) => {
    const value = query[name];
    return typeof value === "string" ? [[name, value] as [string, string]] : [];
  });
  const search = new URLSearchParams([["offset", String(next)], ["limit", String(limit)], ...kept]);
  return `${services.partners.url}${path}?${search.toString().replaceAll("%3A", ":")}`;
}
