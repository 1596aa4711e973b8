// Locations as an operator's registry has them, put into a log that nobody serves yet: ten thousand requests would be another
// benchmark.
import { EmbeddedLogServer } from "../../core/log/log-embedded-server.ts";
import { EmbeddedLog } from "../../core/log/log-embedded.ts";
import { makeTopics, type Entry } from "../../core/log/log.ts";
import { encodeChange } from "../../core/records/registry-change.ts";
import type { EntityKind } from "../../core/registry/entities.ts";
import { party } from "./record-writer.ts";
import type { Settings } from "../../core/config/settings.ts";

const changesPerAppend = 500;

/** Station n is the whole of location n: as many EVSEs as it has connectors. */
export async function putLocations(
  settings: Settings,
  { stations, connectors, prefix }: { readonly stations: number; readonly connectors: number; readonly prefix: string },
): Promise<void> {
  const folder = settings.dataDir;
  const topics = makeTopics(1, settings.partitions);
  const server = await EmbeddedLogServer.start({ folder, topics });
  const log = EmbeddedLog.attach({ port: server.connect(), folder, topics });
  try {
    for (let from = 0; from < stations; from += changesPerAppend) {
      const count = Math.min(changesPerAppend, stations - from);
      const ids = Array.from({ length: count }, (_, n) => `${prefix}${from + n}`);
      const entries = ids.flatMap((id) => [
        entry("station", id, { id, acceptance: "accepted" }),
        entry("location", id, locationOf(id, connectors)),
      ]);
      await log.append(topics.registry, 0, entries);
    }
  } finally {
    await log.close();
    await server.close();
  }
}

function entry(entity: EntityKind, id: string, doc: object): Entry {
  const changeId = `${entity} ${id}`;
  const change = {
    party,
    keyId: null,
    changeId,
    entity,
    id,
    expectedVersion: null,
    doc,
    at: Date.now(),
    actor: "bench",
  };
  return { key: `${party}/${entity}/${id}`, value: encodeChange(change) };
}

function locationOf(id: string, connectors: number): object {
  return {
    id,
    publish: true,
    name: `Car park ${id}`,
    address: "Markt 1",
    city: "Halle",
    postal_code: "06108",
    country: "DEU",
    coordinates: { latitude: "51.482500", longitude: "11.969700" },
    time_zone: "Europe/Berlin",
    evses: Array.from({ length: connectors }, (_, n) => evseOf(id, n + 1)),
  };
}

/** The uid is what `evseUid` says, so that whoever is told of it knows whose change it was. */
function evseOf(station: string, connector: number): object {
  return {
    uid: `${station}-${connector}`,
    evse_id: `DE*WLG*E${station}*${connector}`,
    capabilities: ["RFID_READER", "REMOTE_START_STOP_CAPABLE"],
    connectors: [
      {
        id: "1",
        standard: "IEC_62196_T2_COMBO",
        format: "CABLE",
        power_type: "DC",
        max_voltage: 920,
        max_amperage: 500,
        max_electric_power: 300_000,
        tariff_ids: ["standard"],
        stationId: station,
        evseId: connector,
        connectorId: 1,
      },
    ],
  };
}
