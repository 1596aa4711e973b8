// A world whose station CS1 sells by a tariff that changes with the clock.
import { RebuildWorld } from "./rebuild-world.test-helper.ts";

const component = (type: "ENERGY" | "PARKING_TIME", price: number) => ({ type, price, step_size: 1 });

/**
 * 0.50 a kWh until 21:30 in Berlin, then 0.25 and 6 an hour of parking; the station helper's hour begins there at 21:00. Beside it
 * the connector names OLD, which ended long before. Registry position: 3.
 */
export async function pricedWorld(): Promise<RebuildWorld> {
  const world = await RebuildWorld.open();
  const elements = [
    { price_components: [component("ENERGY", 0.5)], restrictions: { end_time: "21:30" } },
    { price_components: [component("ENERGY", 0.25), component("PARKING_TIME", 6)] },
  ];
  const ended = { end_date_time: "2020-01-01T00:00:00Z" };
  await world.world.put("tariff", "OLD", { id: "OLD", currency: "EUR", elements, ...ended });
  await world.world.put("tariff", "T", { id: "T", currency: "EUR", elements });
  const connector = { id: "1", stationId: "CS1", evseId: 1, connectorId: 1, tariff_ids: ["OLD", "T"] };
  await world.world.put("location", "L", {
    id: "L",
    time_zone: "Europe/Berlin",
    evses: [{ uid: "E", connectors: [connector] }],
  });
  return world;
}
