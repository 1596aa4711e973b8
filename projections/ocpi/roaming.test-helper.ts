// A world with OCPI, and partners that have registered; given back together.
import type { DomainEvent } from "../../core/records/domain-event.ts";
import { Emsp } from "../../test/ocpi/emsp.ts";
import { worldAdapters } from "../../test/harness/world-adapters.ts";
import type { Projector } from "../models/projector.ts";
import type { Pushes } from "./pushes/pushes.ts";
import type { Api } from "../rest/api.ts";
import { callAs } from "../testing/client.ts";
import { World } from "../testing/world.ts";

export class RoamingWorld {
  readonly world: World;
  readonly api: Api;
  readonly projector: Projector;
  private pushes: Pushes | undefined;
  private readonly emsps: Emsp[] = [];

  static async open(): Promise<RoamingWorld> {
    const world = await World.open(worldAdapters);
    const projector = await world.project();
    return new RoamingWorld(world, projector, await world.serve(projector));
  }

  private constructor(world: World, projector: Projector, api: Api) {
    this.world = world;
    this.projector = projector;
    this.api = api;
  }

  async close(): Promise<void> {
    for (const emsp of this.emsps) await emsp[Symbol.asyncDispose]();
    await this.world.close();
  }

  /** From now on partners are told what happens. */
  push(): void {
    this.pushes = this.world.push();
  }

  /** As a process that ends and another that begins. */
  async pushAnew(): Promise<void> {
    await this.pushes?.stop();
    this.push();
  }

  /** Of a party of its own, not yet known to anybody. */
  async emsp(partyId: string, role = "EMSP"): Promise<Emsp> {
    const emsp = await Emsp.start({ countryCode: "DE", partyId, role });
    this.emsps.push(emsp);
    return emsp;
  }

  async registered(partyId: string, role = "EMSP"): Promise<Emsp> {
    const emsp = await this.emsp(partyId, role);
    const added = await this.rest("POST", "/partners", { country: "DE", party: partyId, role });
    const answer = await emsp.registerAt(String(added["versionsUrl"]), String(added["tokenA"]));
    if (answer.status !== 1000) throw new Error(answer.text);
    return emsp;
  }

  /** @throws where the answer is not 2xx */
  async rest(method: "GET" | "POST" | "PATCH" | "DELETE" | "PUT", path: string, body?: object) {
    const answer = await callAs(this.api, method, `/api/v1${path}`, body);
    if (answer.status >= 300) throw new Error(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`);
    return answer.body;
  }

  /** Appends what a processor would have, and waits until it is projected. */
  async events(events: readonly DomainEvent[]): Promise<void> {
    await this.world.appendEvents(events);
    await this.world.caughtUp(this.projector);
  }
}

/** A location with two EVSEs of the station CP-1: everything that OCPI requires, and what is ours alone. */
export function aLocation(changes: object = {}): object {
  const connector = (id: string, evseId: number, connectorId: number) => ({
    id,
    standard: "IEC_62196_T2",
    format: "SOCKET",
    power_type: "AC_3_PHASE",
    max_voltage: 230,
    max_amperage: 32,
    tariff_ids: ["standard"],
    stationId: "CP-1",
    evseId,
    connectorId,
  });
  return {
    id: "LOC-1",
    publish: true,
    name: "Town hall",
    address: "Markt 1",
    city: "Halle",
    postal_code: "06108",
    country: "DEU",
    coordinates: { latitude: "51.482500", longitude: "11.969700" },
    time_zone: "Europe/Berlin",
    note: "ours alone",
    evses: [
      { uid: "EVSE-1", evse_id: "DE*WLG*E1", capabilities: ["RFID_READER"], connectors: [connector("1", 1, 1)] },
      { uid: "EVSE-2", evse_id: "DE*WLG*E2", connectors: [connector("1", 1, 2)] },
    ],
    ...changes,
  };
}

export const aTariff = {
  id: "standard",
  currency: "EUR",
  validFrom: "2026-01-01T00:00:00Z",
  min_price: { excl_vat: "0.50", incl_vat: "0.60" },
  elements: [
    { price_components: [{ type: "ENERGY", price: "0.30", vat: "19", step_size: 1 }], restrictions: {} },
    { price_components: [{ type: "TIME", price: 1.2, step_size: 60 }], restrictions: { start_time: "08:00" } },
  ],
} as const;
