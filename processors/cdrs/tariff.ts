// Which tariff a session is priced by: as of the registry position of its first record (rule F1), so that a change of
// price during a session or before a late CDR changes nothing.
import type { PartyId, Position, StationId } from "../../core/ids/ids.ts";
import { priceOf, shownLines } from "../../core/price/price.ts";
import { readyTariff } from "../../core/price/tariff.ts";
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
  const ready = readyTariff(tariff);
  if (ready.result === "invalid") return unpriced(tariff, "tariffInvalid");
  if (tariff.elements.some(({ restrictions }) => restrictions && Object.keys(restrictions).length > 0)) {
    return unpriced(tariff, "tariffRestrictionsUnsupported");
  }
  const sample = { at: 0, energyMwh: 0, state: "charging" } as const;
  const samples = [sample, { ...sample, at: used.durationMs, energyMwh: used.energyMwh }];
  const priced = priceOf(ready.tariff, { timeZone: "UTC", start: 0, end: used.durationMs, samples });
  return {
    price: { tariffId: tariff.id, currency: tariff.currency, total: priced.total, lines: shownLines(priced) },
    words: [],
  };
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
