// Connectors that are online, say that they could charge, and at which nobody has for so long: a broken reader, a blocked bay, a
// place that nobody finds.
import type { PartyId } from "../../core/ids/ids.ts";
import { openEnd } from "../../core/store/status-interval.ts";
import { StationGroups, type GroupFilter, type HealthNeeds, type Member } from "./station-groups.ts";
import { downStatuses } from "./uptime.ts";

export interface IdleConnector extends Member {
  readonly evseId: number;
  readonly connectorId: number;
  readonly status: string;
  /** When the last session at it began; null: there never was one. */
  readonly lastSessionAt: number | null;
}

export interface IdleQuestion {
  readonly party: PartyId;
  readonly filter: GroupFilter;
  /** Epoch ms: known since before it, and without a session that began or lasted after it. */
  readonly since: number;
}

/** In the order of their stations, then of their numbers. */
export async function* idleConnectors(
  needs: HealthNeeds,
  { party, filter, since }: IdleQuestion,
  fromStation?: string,
): AsyncGenerator<IdleConnector> {
  for await (const members of new StationGroups(needs, party).matching(filter, fromStation)) {
    const byId = new Map(members.map((member) => [member.station, member]));
    const stations = [...byId.keys()];
    const known = new Set((await connectorsAt(needs, party, stations, since)).map(keyOf));
    const used = new Set((await connectorsUsed(needs, party, stations, since)).map(keyOf));
    const idle = (await connectorsNow(needs, party, stations)).filter(
      (row) => known.has(keyOf(row)) && !used.has(keyOf(row)),
    );
    if (idle.length === 0) continue;
    const last = await lastSessions(needs, party, [...new Set(idle.map(({ station }) => station))]);
    for (const row of idle) {
      yield {
        ...byId.get(row.station)!,
        evseId: row.evse_id,
        connectorId: row.connector_id,
        status: row.status,
        lastSessionAt: last.get(keyOf(row)) ?? null,
      };
    }
  }
}

interface Place {
  readonly station: string;
  readonly evse_id: number;
  readonly connector_id: number;
}

const keyOf = ({ station, evse_id, connector_id }: Place) => `${station}/${evse_id}/${connector_id}`;

/** Those that could charge; connector 0 of 1.6 is no place. */
function connectorsNow({ store }: HealthNeeds, party: PartyId, stations: readonly string[]) {
  return store.reader
    .selectFrom("live_status_interval")
    .select(["station", "evse_id", "connector_id", "status"])
    .where("party", "=", party)
    .where("station", "in", stations)
    .where("to_at", "=", openEnd)
    .where("status", "not in", downStatuses)
    .where("connector_id", ">", 0)
    .orderBy("station")
    .orderBy("evse_id")
    .orderBy("connector_id")
    .execute();
}

function connectorsAt({ store }: HealthNeeds, party: PartyId, stations: readonly string[], at: number) {
  return store.reader
    .selectFrom("live_status_interval")
    .select(["station", "evse_id", "connector_id"])
    .where("party", "=", party)
    .where("station", "in", stations)
    .where("to_at", ">", at)
    .where("from_at", "<=", at)
    .execute();
}

function connectorsUsed({ store }: HealthNeeds, party: PartyId, stations: readonly string[], since: number) {
  return store.reader
    .selectFrom("live_session")
    .select(["station", "evse_id", "connector_id"])
    .distinct()
    .where("party", "=", party)
    .where("station", "in", stations)
    .where((eb) => eb.or([eb("started_at", ">=", since), eb("ended_at", ">=", since), eb("ended_at", "is", null)]))
    .execute();
}

async function lastSessions({ store }: HealthNeeds, party: PartyId, stations: readonly string[]) {
  const rows = await store.reader
    .selectFrom("live_session")
    .select(["station", "evse_id", "connector_id", (eb) => eb.fn.max("started_at").as("last")])
    .where("party", "=", party)
    .where("station", "in", stations)
    .groupBy(["station", "evse_id", "connector_id"])
    .execute();
  return new Map(rows.map((row) => [keyOf(row), row.last]));
}
