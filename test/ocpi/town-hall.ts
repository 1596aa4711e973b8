// The location of the tests with a real station and a partner, and how that partner comes to be registered.
import { expect } from "vitest";

import type { Rest } from "../harness/rest.ts";
import type { Emsp } from "./emsp.ts";

const connector = {
  id: "1",
  standard: "IEC_62196_T2",
  format: "SOCKET",
  power_type: "AC_3_PHASE",
  max_voltage: 230,
  max_amperage: 32,
};

/** @param more of its one connector, at which EVSE 1 of `stationId` charges. */
export function townHall(stationId: string, more: object = {}) {
  return {
    id: "TOWN-HALL",
    publish: true,
    address: "Markt 1",
    city: "Halle",
    country: "DEU",
    postal_code: "06108",
    coordinates: { latitude: "51.482500", longitude: "11.969700" },
    time_zone: "Europe/Berlin",
    evses: [{ uid: "EVSE-1", evse_id: "DE*WLG*E1", connectors: [{ ...connector, ...more, stationId, evseId: 1 }] }],
  };
}

/** Let in by an operator, and registered by itself. */
export async function letIn(rest: Rest, emsp: Emsp): Promise<void> {
  const { countryCode: country, partyId: party } = emsp.options;
  const added = await rest.post<{ versionsUrl: string; tokenA: string }>("/partners", { country, party, role: "EMSP" });
  expect((await emsp.registerAt(added.versionsUrl, added.tokenA)).status).toBe(1000);
}
