// When each location of a party was last updated, kept from one list to the next: a partner that asks by date every minute must
// not cost the statuses of a hundred thousand EVSEs a page. All of them are looked at once, then only those of which the registry
// or a table has something new.
import { limits } from "../../core/config/limits.ts";
import type { PartyId } from "../../core/ids/ids.ts";
import type { ApiOptions } from "../rest/context.ts";
import { showLocations } from "./locations.ts";
import { StationPlaces } from "./station-places.ts";
import type { Watermark } from "./watermark.ts";

type Context = Pick<ApiOptions, "store" | "registry" | "clock">;

/** Locations that are shown at once; other requests go between. */
const locationsAtOnce = 50;
/** What was found holds for the pages of the same moment. */
const freshMs = 1_000;
/** A rebuild may give rows other times than they had: all of them are looked at again so often. */
const wholeEveryMs = 10 * 60_000;

interface Look {
  /** Epoch ms, by id of the location; without those that OCPI cannot say. */
  readonly times: ReadonlyMap<string, number>;
  /** Log time before which nothing is missing (rule B6). */
  readonly passed: number;
  /** Epoch ms. */
  readonly lookedAt: number;
  /** Since when, by id of the session and its station. */
  readonly charging: ReadonlyMap<string, string>;
}

interface Kept {
  readonly askedAt: number;
  /** As `askedAt` of the first look, of which this one has what did not change since. */
  readonly wholeAt: number;
  readonly look: Promise<Look>;
}

export class LocationTimes {
  private readonly context: Context;
  private readonly watermark: Watermark;
  private readonly places: StationPlaces;
  private readonly looks = new Map<PartyId, Kept>();
  /** Locations that the registry changed since the last look. */
  private readonly changed = new Map<string, Set<string>>();

  /** One for as long as the registry is followed. */
  constructor(context: Context, watermark: Watermark) {
    this.context = context;
    this.watermark = watermark;
    this.places = new StationPlaces(context.registry);
    context.registry.onChange(({ party, entity, id }) => {
      // It may say how an occupied EVSE is called.
      if (entity === "setting") this.looks.delete(party);
      if (entity !== "location") return;
      this.changed.set(party, (this.changed.get(party) ?? new Set()).add(id));
    });
  }

  /** As of at most a second ago. */
  of(party: PartyId): Promise<Pick<Look, "times" | "passed">> {
    const now = this.context.clock.monotonic();
    const kept = this.looks.get(party);
    if (kept && now - kept.askedAt < freshMs) return kept.look;
    const known = kept && now - kept.wholeAt < wholeEveryMs ? kept : undefined;
    const look = known ? known.look.then((before) => this.again(party, before)) : this.first(party);
    this.looks.set(party, { askedAt: now, wholeAt: known?.wholeAt ?? now, look });
    // Whoever comes next begins anew; whoever asked is told.
    look.catch(() => this.looks.delete(party));
    return look;
  }

  private async first(party: PartyId): Promise<Look> {
    const { registry, clock } = this.context;
    this.changed.delete(party);
    const passed = await this.watermark.passed();
    const lookedAt = clock.now();
    const charging = await this.charging(party);
    const times = new Map<string, number>();
    await this.lookAt(party, [...registry.ids(party, "location")], times);
    return { times, passed, lookedAt, charging };
  }

  private async again(party: PartyId, before: Look): Promise<Look> {
    const ids = new Set(this.changed.get(party));
    this.changed.delete(party);
    const passed = await this.watermark.passed();
    const lookedAt = this.context.clock.now();
    const charging = await this.charging(party);
    const stations = await this.newsOf(party, before, lookedAt);
    for (const station of [...stations, ...differing(before.charging, charging)]) {
      for (const id of this.places.of(party, station)) ids.add(id);
    }
    if (ids.size === 0) return { times: before.times, passed, lookedAt, charging };
    const times = new Map(before.times);
    for (const id of ids) times.delete(id);
    await this.lookAt(party, [...ids], times);
    return { times, passed, lookedAt, charging };
  }

  private async lookAt(party: PartyId, ids: readonly string[], times: Map<string, number>): Promise<void> {
    for (let at = 0; at < ids.length; at += locationsAtOnce) {
      const shown = await showLocations({ context: this.context, party }, ids.slice(at, at + locationsAtOnce));
      for (const [id, { lastUpdated }] of shown) times.set(id, lastUpdated);
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
  }

  /** Stations that said something, came or went since then, or are away for so long now that nobody knows. */
  private async newsOf(party: PartyId, before: Look, now: number): Promise<Iterable<string>> {
    const { reader } = this.context.store;
    const grace = limits.ocpiOfflineGraceMs;
    const stations = await reader
      .selectFrom("live_station")
      .select("station")
      .where("party", "=", party)
      .where((eb) =>
        eb.or([
          eb("last_updated", ">=", before.passed),
          eb.and([
            eb("online", "=", 0),
            eb("last_updated", ">", before.lookedAt - grace),
            eb("last_updated", "<=", now - grace),
          ]),
        ]),
      )
      .execute();
    const connectors = await reader
      .selectFrom("live_connector")
      .select("station")
      .distinct()
      .where("party", "=", party)
      .where("last_updated", ">=", before.passed)
      .execute();
    return [...stations, ...connectors].map(({ station }) => station);
  }

  private async charging(party: PartyId): Promise<ReadonlyMap<string, string>> {
    const rows = await this.context.store.reader
      .selectFrom("live_session")
      .select(["id", "station", "started_at", "last_updated"])
      .where("party", "=", party)
      .where("ended_at", "is", null)
      .where("status", "=", "active")
      .execute();
    return new Map(rows.map((row) => [`${row.id} ${Math.min(row.started_at, row.last_updated)}`, row.station]));
  }
}

/** Stations of what one of them has and the other has not. */
function* differing(before: ReadonlyMap<string, string>, now: ReadonlyMap<string, string>): Generator<string> {
  for (const [key, station] of before) if (!now.has(key)) yield station;
  for (const [key, station] of now) if (!before.has(key)) yield station;
}
