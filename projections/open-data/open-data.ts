// Open data of a party under /open-data (AFIR, Regulation (EU) 2023/1804 Article 20 and 2025/655): nobody is asked who they are,
// nothing is there before the party says so (setting openData), and everything may be kept by caches for a moment.
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";

import { limits } from "../../core/config/limits.ts";
import { parsePartyId, type PartyId } from "../../core/ids/ids.ts";
import { Buckets } from "../../core/runtime/buckets.ts";
import type { ApiOptions } from "../rest/context.ts";
import { Problem } from "../rest/problems.ts";
import { Feeds, type Feed, type FeedName } from "./feeds.ts";

const types: Readonly<Record<FeedName, string>> = {
  "datex2/static.xml": "application/xml; charset=utf-8",
  "datex2/dynamic.xml": "application/xml; charset=utf-8",
  "locations.geojson": "application/geo+json; charset=utf-8",
  "locations.csv": "text/csv; charset=utf-8",
};

export function installOpenData(app: FastifyInstance, context: ApiOptions): void {
  const feeds = new Feeds(context, context.ocpi?.name);
  const buckets = new Buckets(limits.openDataBurst, limits.openDataPerMinute, limits.openDataAddresses);
  for (const name of Object.keys(types) as FeedName[]) {
    app.get<{ Params: { party: string } }>(`/open-data/:party/${name}`, {
      schema: { hide: true },
      handler: async (request, reply) => {
        requirePace(buckets, request, reply, context.clock.monotonic());
        const party = openParty(context, request.params.party);
        const feed = await feeds.feed(party, name);
        if (!feed) throw new Problem("not-found", "This party publishes no location: none is marked `publish: true`.");
        return send(request, reply, feed, types[name]);
      },
    });
  }
}

/** @throws Problem with 404 alike for a party that is none and for one that has not opened its data. */
function openParty({ registry }: ApiOptions, text: string): PartyId {
  const party = parsePartyId(text.toUpperCase());
  if (party && registry.setting(party, "openData") === true) return party;
  throw new Problem("not-found", "There is no open data here.");
}

function requirePace(buckets: Buckets, { ip }: FastifyRequest, reply: FastifyReply, now: number): void {
  if (buckets.isSpent(ip, now)) {
    void reply.header("retry-after", String(Math.ceil(60 / limits.openDataPerMinute)));
    throw new Problem(
      "too-many",
      `At most ${limits.openDataPerMinute} requests a minute from one address; keep what you have.`,
    );
  }
  buckets.take(ip, now);
}

function send(request: FastifyRequest, reply: FastifyReply, feed: Feed, type: string): FastifyReply {
  void reply.headers({
    etag: feed.etag,
    "last-modified": new Date(feed.lastModified).toUTCString(),
    "cache-control": `public, max-age=${limits.openDataMaxAgeSeconds}`,
    // Maps on other sites read it, which is what it is for.
    "access-control-allow-origin": "*",
    "cross-origin-resource-policy": "cross-origin",
  });
  if (isKnown(request, feed)) return reply.code(304).send();
  return reply.type(type).send(feed.body);
}

/** RFC 9110, 13.2.2: where there is a tag, the time is not looked at. */
function isKnown({ headers }: FastifyRequest, { etag, lastModified }: Feed): boolean {
  const tags = headers["if-none-match"];
  if (tags !== undefined) return tags.split(",").some((tag) => tag.trim() === "*" || sameTag(tag.trim(), etag));
  const since = Date.parse(headers["if-modified-since"] ?? "");
  return Number.isFinite(since) && lastModified <= since;
}

function sameTag(a: string, b: string): boolean {
  return a.replace(/^W\//, "") === b.replace(/^W\//, "");
}
