// Who holds a station, as Redis has it.
import { limits } from "../config/limits.ts";
import { trusted, type PartyId, type StationId } from "../ids/ids.ts";
import type { Protocol } from "../records/frame-record.ts";
import { pack } from "../records/msgpack.ts";
import type { BusMessage, Claim } from "./bus.ts";
import type { RedisLink } from "./redis-client.ts";
import type { RedisKeys } from "./redis-keys.ts";

export class RedisOwnership {
  private readonly client: RedisLink;
  private readonly keys: RedisKeys;

  constructor(client: RedisLink, keys: RedisKeys) {
    this.client = client;
    this.keys = keys;
  }

  async claim(claim: Claim): Promise<"current" | "superseded"> {
    const { connectionId, nodeId, epoch, protocol } = claim;
    const args = [epoch.generation, epoch.offset, connectionId, nodeId, protocol, limits.busClaimMs];
    const answer = await this.client.run("claim", [this.keys.owner(claim)], args);
    const [won, node, connection] = answer as [number, string?, string?];
    if (won !== 1) return "superseded";
    if (node && connection) {
      const message: BusMessage = { type: "superseded", connectionId: trusted.connection(connection) };
      // Lost with a process that dies here: the other node learns it when it registers its claim again.
      this.client.publish(this.keys.channel(trusted.node(node)), pack(message)).catch(() => undefined);
    }
    return "current";
  }

  async release(claim: Claim): Promise<void> {
    await this.client.run("release", [this.keys.owner(claim)], [claim.epoch.generation, claim.epoch.offset]);
  }

  async owner(party: PartyId, station: StationId): Promise<Claim | undefined> {
    const names = ["generation", "offset", "connection", "node", "protocol"];
    const fields = await this.client.fields(this.keys.owner({ party, station }), ...names);
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
    const [connection] = await this.client.fields(this.keys.owner(claim), "connection");
    if (!connection) return "gone";
    return connection === claim.connectionId ? "held" : "other";
  }
}
