// How many attempts to charge came to something: sessions that delivered energy, among these, those without, and remote starts
// after which none began. What a card at the station led to before a transaction is no event, and so not in it.
import { sql } from "kysely";

import type { PartyId } from "../../core/ids/ids.ts";
import { StationGroups, type Grouping, type HealthNeeds } from "./station-groups.ts";
import { percent } from "./uptime.ts";
import type { Period, Question } from "./uptime-report.ts";

export interface Starts {
  /** Sessions that delivered energy. */
  readonly delivered: number;
  /** Authorised and begun, ended without energy. */
  readonly withoutEnergy: number;
  /** No energy yet, and not ended: no attempt until it is one or the other. */
  readonly pending: number;
  readonly remote: {
    readonly requested: number;
    /** The station said no. */
    readonly refused: number;
    /** Never connected in time, no answer, or one that is none. */
    readonly failed: number;
    /** Accepted, and no session within the station's connection time-out. */
    readonly notStarted: number;
  };
}

export const noStarts: Starts = {
  delivered: 0,
  withoutEnergy: 0,
  pending: 0,
  remote: { requested: 0, refused: 0, failed: 0, notStarted: 0 },
};

export type StartsBy = "station" | Grouping | "fleet";

/** By name of the group; `null`: stations of which nobody said it, or the fleet. Stations without any attempt are left out. */
export async function startsBy(
  needs: HealthNeeds,
  { party, period, filter }: Question,
  by: StartsBy,
): Promise<ReadonlyMap<string | null, Starts>> {
  const sums = new Map<string | null, Starts>();
  for await (const members of new StationGroups(needs, party).matching(filter)) {
    const stations = members.map(({ station }) => station);
    const sessions = await sessionsOf(needs, party, stations, period);
    const remote = await remoteStartsOf(needs, party, stations, period);
    for (const { station, member } of members) {
      const own = sessions.get(station);
      const asked = remote.get(station);
      if (!own && !asked) continue;
      const name = by === "fleet" ? null : by === "station" ? station : member[by];
      sums.set(name, added(sums.get(name) ?? noStarts, { ...noStarts, ...own, ...(asked && { remote: asked }) }));
    }
  }
  return sums;
}

/** Whatever is known to have come to something or to nothing. */
export function attemptsOf({ delivered, withoutEnergy, remote }: Starts): number {
  return delivered + withoutEnergy + remote.refused + remote.failed + remote.notStarted;
}

/** The driver was let in and nothing was charged. */
export function authorisedNotStarted({ withoutEnergy, remote }: Starts): number {
  return withoutEnergy + remote.notStarted;
}

/** @returns percent with three decimals, never rounded up; null: there was no attempt */
export function successPercent(starts: Starts): number | null {
  return percent(starts.delivered, attemptsOf(starts));
}

function added(a: Starts, b: Starts): Starts {
  return {
    delivered: a.delivered + b.delivered,
    withoutEnergy: a.withoutEnergy + b.withoutEnergy,
    pending: a.pending + b.pending,
    remote: {
      requested: a.remote.requested + b.remote.requested,
      refused: a.remote.refused + b.remote.refused,
      failed: a.remote.failed + b.remote.failed,
      notStarted: a.remote.notStarted + b.remote.notStarted,
    },
  };
}

async function sessionsOf({ store }: HealthNeeds, party: PartyId, stations: readonly string[], { from, to }: Period) {
  const rows = await store.reader
    .selectFrom("live_session")
    .select([
      "station",
      sql<number | string>`sum(case when energy_mwh > 0 then 1 else 0 end)`.as("delivered"),
      sql<number | string>`sum(case when energy_mwh <= 0 and ended_at is not null then 1 else 0 end)`.as("without"),
      sql<number | string>`sum(case when energy_mwh <= 0 and ended_at is null then 1 else 0 end)`.as("pending"),
    ])
    .where("party", "=", party)
    .where("station", "in", stations)
    .where("started_at", ">=", from)
    .where("started_at", "<", to)
    .groupBy("station")
    .execute();
  return new Map(
    rows.map((row) => [
      row.station,
      { delivered: Number(row.delivered), withoutEnergy: Number(row.without), pending: Number(row.pending) },
    ]),
  );
}

const remoteStarts = ["RemoteStartTransaction", "RequestStartTransaction"];

async function remoteStartsOf(
  { store }: HealthNeeds,
  party: PartyId,
  stations: readonly string[],
  { from, to }: Period,
): Promise<ReadonlyMap<string, Starts["remote"]>> {
  const commands = await store.reader
    .selectFrom("live_command")
    .select(["id", "station", "status", "outcome"])
    .where("party", "=", party)
    .where("station", "in", stations)
    .where("requested_at", ">=", from)
    .where("requested_at", "<", to)
    .where("action", "in", remoteStarts)
    .execute();
  const asked = [...new Set(commands.map(({ station }) => station))];
  const effects = asked.length === 0 ? new Map<string, string>() : await effectsAt({ store }, party, asked);
  const counts = new Map<string, Starts["remote"]>();
  for (const { id, station, status, outcome } of commands) {
    const before = counts.get(station) ?? noStarts.remote;
    const isAccepted = outcome === "accepted";
    const isDone = status === "done";
    counts.set(station, {
      requested: before.requested + 1,
      refused: before.refused + (outcome === "rejected" ? 1 : 0),
      failed: before.failed + (isDone && !isAccepted && outcome !== "rejected" ? 1 : 0),
      notStarted: before.notStarted + (isAccepted && effects.get(id) === "not_started" ? 1 : 0),
    });
  }
  return counts;
}

async function effectsAt({ store }: Pick<HealthNeeds, "store">, party: PartyId, stations: readonly string[]) {
  const rows = await store.reader
    .selectFrom("live_station_document")
    .select(["key", "document"])
    .where("party", "=", party)
    .where("station", "in", stations)
    .where("collection", "=", "commandEffects")
    .execute();
  return new Map(rows.map(({ key, document }) => [key, (JSON.parse(document ?? "{}") as { effect?: string }).effect]));
}
