// The feeds as bytes. Whoever asks within a few seconds is given the same bytes; one reading of the tables serves everybody who
// waits for it. What did not change keeps its tag and its time, whatever was built meanwhile.
import { createHash } from "node:crypto";

import { limits } from "../../core/config/limits.ts";
import type { PartyId } from "../../core/ids/ids.ts";
import { dynamicPublication } from "./datex-dynamic.ts";
import { staticPublication } from "./datex-static.ts";
import { csv, geoJson } from "./flat.ts";
import { openSites, type OpenContext, type OpenSite } from "./sites.ts";

export type FeedName = "datex2/static.xml" | "datex2/dynamic.xml" | "locations.geojson" | "locations.csv";

export interface Feed {
  readonly body: Buffer;
  /** Of what it says, the same on every node: weak, since each states its own time of publication. */
  readonly etag: string;
  /** Whole seconds as HTTP has them, epoch ms: since when this process knows that it says this. */
  readonly lastModified: number;
}

interface Kept<T> {
  readonly at: number;
  readonly value: Promise<T>;
}

type Write = (sites: readonly OpenSite[], publishedAt: number) => string;

export class Feeds {
  private readonly context: OpenContext;
  private readonly publisherName: string | undefined;
  /** Both by party: as many as have opened their data. */
  private readonly sites = new Map<PartyId, Kept<readonly OpenSite[]>>();
  private readonly built = new Map<string, Kept<Feed | undefined>>();

  constructor(context: OpenContext, publisherName: string | undefined) {
    this.context = context;
    this.publisherName = publisherName;
  }

  /** @returns undefined where nothing is published and the format cannot say so. */
  feed(party: PartyId, name: FeedName): Promise<Feed | undefined> {
    const key = `${party}/${name}`;
    const before = this.built.get(key);
    return this.fresh(this.built, key, async () => {
      const sites = await this.fresh(this.sites, party, () => openSites(this.context, party));
      if (name === "datex2/static.xml" && sites.length === 0) return undefined;
      const write = this.writer(party, name);
      const etag = tagOf(write(sites, 0));
      const known = await before?.value.catch(() => undefined);
      if (known?.etag === etag) return known;
      const lastModified = Math.floor(this.context.clock.now() / 1_000) * 1_000;
      return { body: Buffer.from(write(sites, lastModified)), etag, lastModified };
    });
  }

  private writer(party: PartyId, name: FeedName): Write {
    const publisher = { party, name: this.publisherName ?? party };
    switch (name) {
      case "datex2/static.xml":
        return (sites, publishedAt) => staticPublication(publisher, sites, publishedAt);
      case "datex2/dynamic.xml":
        return (sites, publishedAt) => dynamicPublication(party, sites, publishedAt);
      case "locations.geojson":
        return geoJson;
      case "locations.csv":
        return csv;
    }
  }

  /** What is young enough, or made anew; a failure is not kept. */
  private fresh<K, T>(kept: Map<K, Kept<T>>, key: K, make: () => Promise<T>): Promise<T> {
    const now = this.context.clock.monotonic();
    const found = kept.get(key);
    if (found && now - found.at < limits.openDataKeptMs) return found.value;
    const entry = { at: now, value: make() };
    kept.set(key, entry);
    entry.value.catch(() => {
      if (kept.get(key) === entry) kept.delete(key);
    });
    return entry.value;
  }
}

function tagOf(text: string): string {
  return `W/"${createHash("sha256").update(text).digest("base64url").slice(0, 22)}"`;
}
