// What handlers share beside the api's own context.
import type { Outbound } from "../../core/outbound/outbound.ts";
import { createOutbound } from "../../core/outbound/outbound.ts";
import type { CommandSender } from "../rest/command-sender.ts";
import type { ApiOptions } from "../rest/context.ts";
import { CommandOrders } from "./command-orders.ts";
import { LocationTimes } from "./location-times.ts";
import { Partners } from "./partners.ts";
import { PeerClient } from "./peer-client.ts";
import { Watermark } from "./watermark.ts";

export interface OcpiServices {
  readonly partners: Partners;
  readonly outbound: Outbound;
  readonly peers: PeerClient;
  readonly watermark: Watermark;
  readonly locationTimes: LocationTimes;
  readonly sender: CommandSender;
  readonly orders: CommandOrders;
}

export function createServices(context: ApiOptions, sender: CommandSender): OcpiServices {
  const partners = new Partners(context);
  const outbound = createOutbound({ peers: context.ocpi?.peers ?? "public" });
  const peers = new PeerClient(outbound, partners);
  const orders = new CommandOrders(context, sender);
  const watermark = new Watermark(context);
  const locationTimes = new LocationTimes(context, watermark);
  return { partners, outbound, peers, sender, orders, watermark, locationTimes };
}
