// Names in Redis. Each holds what tells this cluster from any other, so that two on one Redis neither see each other's
// stations nor hear each other's commands. Braces keep what one script touches together on a Redis Cluster; a station's
// identity cannot hold one.
import { hash } from "node:crypto";

import { trusted, type NodeId, type PartyId, type StationId } from "../ids/ids.ts";

export class RedisKeys {
  private readonly prefix: string;
  readonly leases: string;
  private readonly channels: string;

  /** @param clusterId any text that no other cluster has */
  constructor(clusterId: string) {
    this.prefix = `wattlog:${hash("sha256", clusterId, "hex").slice(0, 16)}:`;
    this.leases = `${this.prefix}{nodes}:leases`;
    this.channels = `${this.prefix}node:`;
  }

  owner({ party, station }: { readonly party: PartyId; readonly station: StationId }): string {
    return `${this.prefix}{${party}/${station}}:owner`;
  }

  channel(nodeId: NodeId): string {
    return this.channels + nodeId;
  }

  nodeOf(channel: string): NodeId {
    return trusted.node(channel.slice(this.channels.length));
  }
}
