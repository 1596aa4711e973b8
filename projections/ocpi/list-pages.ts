// A partner's list, page by page (2.2.1, Pagination): by its links, and by its count where it has none.
import { limits } from "../../core/config/limits.ts";
import { OcpiError, statusCodes } from "./envelope.ts";
import type { PulledFrom } from "./list-pulls.ts";
import type { PeerWay } from "./peer-way.ts";
import { envelopeIn } from "./pushes/verdict.ts";
import { utc } from "./values.ts";

/**
 * @param from epoch ms; undefined: all of them
 * @param routing headers of functional modules
 * @throws OcpiError 3001 with what is wrong with a page; those before it were given
 */
export async function* pagesOf(
  { peers }: PeerWay,
  { partner, url }: PulledFrom,
  from: number | undefined,
  routing: Readonly<Record<string, string>>,
): AsyncGenerator<readonly unknown[]> {
  const first = new URL(url);
  if (from !== undefined) first.searchParams.set("date_from", utc(from));
  first.searchParams.set("offset", "0");
  first.searchParams.set("limit", String(limits.ocpiPageMax));
  let next: URL | undefined = first;
  for (let page = 0; next !== undefined && page < limits.ocpiTokenPages; page++) {
    const asked: URL = next;
    const answer = await peers.send(peers.addressOf(partner), { method: "GET", url: asked.href, routing });
    if (answer.result !== "answered") throw unusable(`${answer.result}: ${answer.why}`);
    const envelope = envelopeIn(answer.body);
    const { status_code: status, data } = envelope ?? {};
    const isGood = answer.status < 300 && typeof status === "number" && status >= 1000 && status < 2000;
    if (!isGood || !Array.isArray(data)) throw unusable(`HTTP ${answer.status}, status ${String(status).slice(0, 8)}`);
    yield data as readonly unknown[];
    next = data.length === 0 ? undefined : nextOf(answer.headers, asked, data.length);
  }
}

function nextOf(headers: Headers, asked: URL, length: number): URL | undefined {
  const link = /<([^>]*)>\s*;[^,]*\brel="?next"?/i.exec(headers.get("link") ?? "")?.[1];
  if (link !== undefined) {
    const next = URL.parse(link, asked.href);
    // Our token goes with the request: to nobody else than whom it is for.
    if (next?.origin !== asked.origin) throw unusable("its next page is at another host");
    return next.href === asked.href ? undefined : next;
  }
  const offset = Number(asked.searchParams.get("offset") ?? 0) + length;
  if (!(offset < Number(headers.get("x-total-count") ?? 0))) return undefined;
  const next = new URL(asked);
  next.searchParams.set("offset", String(offset));
  return next;
}

function unusable(why: string): OcpiError {
  return new OcpiError(statusCodes.clientApiUnusable, `The list could not be read: ${why}.`);
}
