// The client of the embedded bus in another thread than its hub's, and what the two say to each other.
import { receiveMessageOnPort, type MessagePort } from "node:worker_threads";

import type { NodeId, PartyId, StationId } from "../ids/ids.ts";
import { WattlogError } from "../runtime/errors.ts";
import type { BusMessage, Claim, CommandBus } from "./bus.ts";
import { OwnershipTable } from "./ownership.ts";

type Deliver = (message: BusMessage) => void;

export type BusCall =
  | { readonly call: "claim" | "release"; readonly claim: Claim }
  | { readonly call: "owner"; readonly party: PartyId; readonly station: StationId }
  | { readonly call: "send"; readonly to: NodeId; readonly message: BusMessage }
  | { readonly call: "listen" | "unlisten"; readonly nodeId: NodeId }
  | { readonly call: "nodes" };

export type BusRequest = BusCall & { readonly id: number };

/** Who holds a station that this client has asked for; undefined: nobody, and no more is told of it. */
export interface Owned {
  /** As `OwnershipTable.key` has it. */
  readonly station: string;
  readonly owner: Claim | undefined;
}

export type BusReply =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly failure: string }
  | Owned
  | { readonly to: NodeId; readonly message: BusMessage };

/** Every call ends in this, so that all clients refuse alike after `close`. */
export function closedError(): WattlogError {
  return new WattlogError("bus/unavailable", "The command bus is closed.");
}

class PortBus implements CommandBus {
  private readonly port: MessagePort;
  private readonly handlers = new Map<NodeId, Deliver>();
  private readonly calls = new Map<number, PromiseWithResolvers<unknown>>();
  /** Of the stations that were asked for and are held: each command would wait for the hub's thread otherwise. */
  private readonly owners = new Map<string, Claim>();
  private lastId = 0;
  private closed = false;

  constructor(port: MessagePort) {
    this.port = port;
    port.on("message", (reply: BusReply) => this.receive(reply));
    port.on("close", () => this.end());
  }

  claim(claim: Claim): Promise<"current" | "superseded"> {
    return this.ask({ call: "claim", claim });
  }

  release(claim: Claim): Promise<void> {
    return this.ask({ call: "release", claim });
  }

  owner(party: PartyId, station: StationId): Promise<Claim | undefined> {
    if (this.closed) return Promise.reject(closedError());
    this.catchUp();
    const known = this.owners.get(OwnershipTable.key(party, station));
    return known ? Promise.resolve(known) : this.ask({ call: "owner", party, station });
  }

  send(to: NodeId, message: BusMessage): Promise<boolean> {
    return this.ask({ call: "send", to, message });
  }

  async listen(nodeId: NodeId, handler: Deliver): Promise<() => Promise<void>> {
    if (this.handlers.has(nodeId)) throw new Error(`Node ${nodeId} listens already.`);
    this.handlers.set(nodeId, handler);
    try {
      await this.ask({ call: "listen", nodeId });
    } catch (error) {
      this.handlers.delete(nodeId);
      throw error;
    }
    return async () => {
      this.handlers.delete(nodeId);
      if (!this.closed) await this.ask({ call: "unlisten", nodeId });
    };
  }

  nodes(): Promise<readonly NodeId[]> {
    return this.ask({ call: "nodes" });
  }

  async close(): Promise<void> {
    this.end();
    this.port.close();
  }

  private ask<T>(request: BusCall): Promise<T> {
    if (this.closed) return Promise.reject(closedError());
    const id = ++this.lastId;
    const call = Promise.withResolvers<unknown>();
    this.calls.set(id, call);
    this.port.postMessage({ ...request, id } satisfies BusRequest);
    return call.promise as Promise<T>;
  }

  /**
   * What the hub has said by now is taken at once: whoever was answered by a station's new connection must not find its
   * old one here, because the answer overtook the hub's message in this thread's queue of events.
   */
  private catchUp(): void {
    for (;;) {
      const received = receiveMessageOnPort(this.port);
      if (!received) return;
      const reply = received.message as BusReply;
      if ("station" in reply) this.receive(reply);
      // In their order, but not inside the caller.
      else queueMicrotask(() => this.receive(reply));
    }
  }

  private receive(reply: BusReply): void {
    if ("station" in reply) {
      if (reply.owner) this.owners.set(reply.station, reply.owner);
      else this.owners.delete(reply.station);
      return;
    }
    if ("to" in reply) {
      this.handlers.get(reply.to)?.(reply.message);
      return;
    }
    const call = this.calls.get(reply.id);
    this.calls.delete(reply.id);
    if ("failure" in reply) call?.reject(new Error(reply.failure));
    else call?.resolve(reply.result);
  }

  private end(): void {
    this.closed = true;
    this.handlers.clear();
    this.owners.clear();
    for (const call of this.calls.values()) call.reject(closedError());
    this.calls.clear();
  }
}

/** The bus in a thread that was given a port of `EmbeddedBusHub.connect()`. */
export function attachBus(port: MessagePort): CommandBus {
  return new PortBus(port);
}
