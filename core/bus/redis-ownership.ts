// Who holds a station, as Redis has it.
import { limits } from "../config/limits.ts";
import { trusted, type PartyId, type StationId } from "../ids/ids.ts";
import type { Protocol } from "../records/frame-record.ts";
import { pack } from "../records/msgpack.ts";
import type { BusMessage, Claim } from "./bus.ts";
import type { RedisClient } from "./redis-client.ts";
import { channelOf } from "./redis-listening.ts";

/** The hash tag keeps a station's keys together on a Redis Cluster. A station's identity cannot hold a brace. */
function ownerKey({ party, station }: { readonly party: PartyId; readonly station: StationId }): string {
  return `wattlog:{${party}/${station}}:owner`;
}

export class RedisOwnership {
  private readonly client: RedisClient;

  constructor(client: RedisClient) {
    this.client = client;
  }

  async claim(claim: Claim): Promise<"current" | "superseded"> {
    const { connectionId, nodeId, epoch, protocol } = claim;
    const args = [epoch.generation, epoch.offset, connectionId, nodeId, protocol, limits.busClaimMs];
    const answer = await this.client.run("claim", [ownerKey(claim)], args);
    const [won, node, connection] = answer as [number, string?, string?];
    if (won !== 1) return "superseded";
    if (node && connection) {
      const message: BusMessage = { type: "superseded", connectionId: trusted.connection(connection) };
      // Lost with a process that dies here: the other node learns it when it registers its claim again.
      this.client.publish(channelOf(trusted.node(node)), pack(message)).catch(() => undefined);
    }
    return "current";
  }

  async release(claim: Claim): Promise<void> {
    await this.client.run("release", [ownerKey(claim)], [claim.epoch.generation, claim.epoch.offset]);
  }

  async owner(party: PartyId, station: StationId): Promise<Claim | undefined> {
    const names = ["generation", "offset", "connection", "node", "protocol"];
    const fields = await this.client.fields(ownerKey({ party, station }), ...names);
    const [generation, offset, connection, node, protocol] = fields;
    if (!generation || !offset || !connection || !node || !protocol) return undefined;
    return {
      party,
      station,
      connectionId: trusted.connection(connection),
      nodeId: trusted.node(node),
      epoch: { generation: Number(generation), offset: Number(offset) },
      protocol: protocol as Protocol,
    };
  }

  async look(claim: Claim): Promise<"held" | "gone" | "other"> {
    const [connection] = await this.client.fields(ownerKey(claim), "connection");
    if (!connection) return "gone";
    return connection === claim.connectionId ? "held" : "other";
  }
}
