// Which tariff a session is priced by: as of the registry position of its first record (rule F1), so that a change of
// price during a session or before a late CDR changes nothing.
import type { PartyId, Position, StationId } from "../../core/ids/ids.ts";
import { price } from "../../core/price/price.ts";
import type { Cdr } from "../../core/records/domain-event.ts";
import type { FrameRecord } from "../../core/records/frame-record.ts";
import type { TariffDoc } from "../../core/registry/entities.ts";
import type { RegistryLookup } from "../../core/registry/view.ts";
import type { SessionAnnotation } from "../transactions/annotations.ts";

export interface Place {
  readonly evseId: number;
  readonly connectorId: number;
  readonly registry: Position;
}

interface Priced {
  readonly price: Pick<Cdr, "tariffId" | "currency" | "total" | "lines">;
  readonly words: readonly SessionAnnotation[];
}

function unpriced(tariff: TariffDoc | undefined, word: SessionAnnotation): Priced {
  return {
    price: { tariffId: tariff?.id ?? null, currency: tariff?.currency ?? null, total: null, lines: [] },
    words: [word],
  };
}

export function priceSession(
  record: Pick<FrameRecord, "party" | "station">,
  place: Place,
  used: { readonly energyMwh: number; readonly durationMs: number },
  registry: RegistryLookup,
): Priced {
  const id = tariffIdOf(record.party, record.station, place, registry);
  const tariff = id === null ? undefined : registry.find(record.party, "tariff", id, place.registry)?.doc;
  if (!tariff) return unpriced(undefined, "noTariff");
  // Parking time needs the charging states over time, which arrive with tariff restrictions.
  const result = price(tariff, { energyMwh: used.energyMwh, chargingMs: used.durationMs, parkingMs: 0 });
  switch (result.result) {
    case "priced":
      return {
        price: { tariffId: tariff.id, currency: tariff.currency, total: result.total, lines: result.lines },
        words: [],
      };
    case "unsupported":
      return unpriced(tariff, "tariffRestrictionsUnsupported");
    case "invalid":
      return unpriced(tariff, "tariffInvalid");
  }
}

function tariffIdOf(party: PartyId, station: StationId, place: Place, registry: RegistryLookup): string | null {
  const found = connectorTariffs(party, station, place, registry);
  const fallback = registry.setting(party, "defaultTariffId", place.registry);
  return found ?? (typeof fallback === "string" && fallback !== "" ? fallback : null);
}

/** The first tariff of the connector that a location maps to this station's. */
function connectorTariffs(party: PartyId, station: StationId, place: Place, registry: RegistryLookup): string | null {
  const named = registry.find(party, "station", station, place.registry)?.doc.locationId;
  const ids = named === undefined ? registry.ids(party, "location") : [named];
  for (const id of ids) {
    const location = registry.find(party, "location", id, place.registry)?.doc;
    for (const evse of location?.evses ?? []) {
      for (const connector of evse.connectors ?? []) {
        if (connector.stationId !== station || connector.evseId !== place.evseId) continue;
        // 2.x may leave the connector open until the cable is in: then the EVSE's first one speaks for it.
        if (place.connectorId !== 0 && (connector.connectorId ?? 1) !== place.connectorId) continue;
        const tariff = connector.tariff_ids?.[0];
        if (tariff !== undefined) return tariff;
      }
    }
  }
  return null;
}
