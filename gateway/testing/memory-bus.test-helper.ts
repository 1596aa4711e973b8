// A CommandBus in memory that remembers what was said to it.
import type { BusMessage, Claim, CommandBus } from "../../core/bus/bus.ts";
import { comparePositions, type NodeId, type PartyId, type StationId } from "../../core/ids/ids.ts";

export class MemoryBus implements CommandBus {
  readonly owners = new Map<string, Claim>();
  readonly sent: { readonly to: NodeId; readonly message: BusMessage }[] = [];
  readonly released: Claim[] = [];
  private readonly handlers = new Map<NodeId, (message: BusMessage) => void>();

  claim(claim: Claim): Promise<"current" | "superseded"> {
    const key = `${claim.party}/${claim.station}`;
    const owner = this.owners.get(key);
    if (owner && comparePositions(owner.epoch, claim.epoch) > 0) return Promise.resolve("superseded");
    this.owners.set(key, claim);
    if (owner && owner.nodeId !== claim.nodeId) {
      this.handlers.get(owner.nodeId)?.({ type: "superseded", connectionId: owner.connectionId });
    }
    return Promise.resolve("current");
  }

  release(claim: Claim): Promise<void> {
    this.released.push(claim);
    const key = `${claim.party}/${claim.station}`;
    if (this.owners.get(key)?.connectionId === claim.connectionId) this.owners.delete(key);
    return Promise.resolve();
  }

  owner(party: PartyId, station: StationId): Promise<Claim | undefined> {
    return Promise.resolve(this.owners.get(`${party}/${station}`));
  }

  send(to: NodeId, message: BusMessage): Promise<boolean> {
    this.sent.push({ to, message });
    this.handlers.get(to)?.(message);
    return Promise.resolve(this.handlers.has(to));
  }

  listen(nodeId: NodeId, handler: (message: BusMessage) => void): Promise<() => Promise<void>> {
    this.handlers.set(nodeId, handler);
    return Promise.resolve(() => {
      this.handlers.delete(nodeId);
      return Promise.resolve();
    });
  }

  nodes(): Promise<readonly NodeId[]> {
    return Promise.resolve([...this.handlers.keys()]);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
