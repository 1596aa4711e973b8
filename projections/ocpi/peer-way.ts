// The way to partners for those who talk to them without having been asked by them.
import { createOutbound } from "../../core/outbound/outbound.ts";
import type { ApiOptions, OcpiSettings } from "../rest/context.ts";
import { Partners } from "./partners.ts";
import { PeerClient } from "./peer-client.ts";

export interface PeerWay {
  readonly partners: Partners;
  readonly peers: PeerClient;
}

export interface PeerWayNeeds extends Pick<ApiOptions, "log" | "registry" | "clock"> {
  readonly ocpi: () => OcpiSettings;
}

/** Made when there is a partner to talk to: in one process the key that seals tokens is made by whoever adds the first. */
export function peerWay(needs: PeerWayNeeds): PeerWay {
  const ocpi = needs.ocpi();
  const partners = new Partners({ ...needs, ocpi });
  return { partners, peers: new PeerClient(createOutbound({ peers: ocpi.peers }), partners) };
}
