// What the tables know of the stations of some locations, read at once.
import type { PartyId } from "../../core/ids/ids.ts";
import type { ApiOptions } from "../rest/context.ts";
import type { ConnectorFacts } from "./evse-status.ts";
import type { StationConnector } from "./places.ts";

interface Reported {
  readonly status: string;
  readonly at: number;
}

interface StationFacts {
  readonly offlineSince: number | undefined;
  readonly connectors: Map<string, Reported>;
  readonly charging: Map<string, number>;
}

/** Parameters of one statement are limited. */
const stationsAtOnce = 400;

export class LiveStatus {
  private readonly stations = new Map<string, StationFacts>();

  static async of({ store }: Pick<ApiOptions, "store">, party: PartyId, stations: Iterable<string>) {
    const live = new LiveStatus();
    const all = [...new Set(stations)];
    for (let at = 0; at < all.length; at += stationsAtOnce) {
      await live.load(store.reader, party, all.slice(at, at + stationsAtOnce));
    }
    return live;
  }

  factsOf({ station, evseId, connectorId }: StationConnector): ConnectorFacts {
    const of = this.stations.get(station);
    return {
      reported: of?.connectors.get(`${evseId}/${connectorId}`) ?? of?.connectors.get(`${evseId}/0`),
      whole: evseId === 0 ? undefined : of?.connectors.get("0/0"),
      offlineSince: of?.offlineSince,
      chargingSince: of?.charging.get(`${evseId}/${connectorId}`) ?? of?.charging.get(`${evseId}/0`),
    };
  }

  private async load(reader: ApiOptions["store"]["reader"], party: PartyId, ids: readonly string[]): Promise<void> {
    const rows = await reader
      .selectFrom("live_station")
      .select(["station", "online", "last_updated"])
      .where("party", "=", party)
      .where("station", "in", ids)
      .execute();
    for (const { station, online, last_updated: at } of rows) {
      const offlineSince = online === 1 ? undefined : at;
      this.stations.set(station, { offlineSince, connectors: new Map(), charging: new Map() });
    }
    const connectors = await reader
      .selectFrom("live_connector")
      .select(["station", "evse_id", "connector_id", "status", "last_updated"])
      .where("party", "=", party)
      .where("station", "in", ids)
      .execute();
    for (const { station, evse_id: evse, connector_id: connector, status, last_updated: at } of connectors) {
      this.stations.get(station)?.connectors.set(`${evse}/${connector}`, { status, at });
    }
    const sessions = await reader
      .selectFrom("live_session")
      .select(["station", "evse_id", "connector_id", "started_at", "last_updated"])
      .where("party", "=", party)
      .where("status", "=", "active")
      .where("station", "in", ids)
      .execute();
    for (const { station, evse_id: evse, connector_id: connector, started_at, last_updated: at } of sessions) {
      // A station's clock may be ahead; nothing is known since later than the log says.
      this.stations.get(station)?.charging.set(`${evse}/${connector}`, Math.min(started_at, at));
    }
  }
}
