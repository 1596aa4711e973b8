// The CommandBus of one process. The hub lives on the main thread and holds the ownership table; clients are there
// (`hub.client()`) or, through a MessagePort, in any other thread (`attachBus(hub.connect())`).
import { MessageChannel, type MessagePort } from "node:worker_threads";

import type { NodeId, PartyId, StationId } from "../ids/ids.ts";
import { messageOf, WattlogError } from "../runtime/errors.ts";
import type { BusMessage, Claim, CommandBus } from "./bus.ts";
import { OwnershipTable } from "./ownership.ts";

type Deliver = (message: BusMessage) => void;

/** One client of the hub, in this thread or at the other end of a port. */
class Member {
  readonly claims = new Map<string, Claim>();
  readonly listening = new Map<NodeId, Deliver>();
}

export class EmbeddedBusHub {
  private readonly ownership = new OwnershipTable();
  private readonly listeners = new Map<NodeId, Deliver>();
  private readonly ports = new Set<MessagePort>();

  /** For the thread that the hub lives on. */
  client(): CommandBus {
    return new LocalBus(this);
  }

  /** For another thread: transfer it there and `attachBus` it. When it closes, what came through it is forgotten. */
  connect(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    const member = new Member();
    this.ports.add(port1);
    port1.on("message", (request: BusRequest) => port1.postMessage(answer(this, member, port1, request)));
    port1.on("close", () => {
      this.ports.delete(port1);
      this.forget(member);
    });
    return port2;
  }

  close(): void {
    for (const port of this.ports) port.close();
    this.listeners.clear();
    this.ownership.clear();
  }

  claim(member: Member, claim: Claim): "current" | "superseded" {
    const { verdict, displaced } = this.ownership.claim(claim);
    if (verdict === "current") member.claims.set(OwnershipTable.key(claim.party, claim.station), claim);
    if (displaced && displaced.connectionId !== claim.connectionId)
      this.send(displaced.nodeId, { type: "superseded", connectionId: displaced.connectionId });
    return verdict;
  }

  release(member: Member, claim: Claim): void {
    const key = OwnershipTable.key(claim.party, claim.station);
    if (member.claims.get(key)?.connectionId === claim.connectionId) member.claims.delete(key);
    this.ownership.release(claim);
  }

  owner(party: PartyId, station: StationId): Claim | undefined {
    return this.ownership.owner(party, station);
  }

  /** Delivered in a turn of its own, so that a listener never runs inside its sender. */
  send(to: NodeId, message: BusMessage): boolean {
    const deliver = this.listeners.get(to);
    if (!deliver) return false;
    setImmediate(() => {
      if (this.listeners.get(to) === deliver) deliver(message);
    });
    return true;
  }

  listen(member: Member, nodeId: NodeId, deliver: Deliver): void {
    if (this.listeners.has(nodeId)) throw new Error(`Node ${nodeId} listens already.`);
    this.listeners.set(nodeId, deliver);
    member.listening.set(nodeId, deliver);
  }

  unlisten(member: Member, nodeId: NodeId): void {
    const deliver = member.listening.get(nodeId);
    if (!deliver) return;
    member.listening.delete(nodeId);
    if (this.listeners.get(nodeId) === deliver) this.listeners.delete(nodeId);
  }

  nodes(): readonly NodeId[] {
    return [...this.listeners.keys()];
  }

  /** A client that is gone took its sockets along. */
  forget(member: Member): void {
    for (const nodeId of member.listening.keys()) this.unlisten(member, nodeId);
    for (const claim of member.claims.values()) this.ownership.release(claim);
    member.claims.clear();
  }
}

/** Every call ends in this, so that both kinds of client refuse alike after `close`. */
function closedError(): WattlogError {
  return new WattlogError("bus/unavailable", "The command bus is closed.");
}

class LocalBus implements CommandBus {
  private readonly hub: EmbeddedBusHub;
  private readonly member = new Member();
  private closed = false;

  constructor(hub: EmbeddedBusHub) {
    this.hub = hub;
  }

  async claim(claim: Claim): Promise<"current" | "superseded"> {
    return this.open().claim(this.member, claim);
  }

  async release(claim: Claim): Promise<void> {
    this.open().release(this.member, claim);
  }

  async owner(party: PartyId, station: StationId): Promise<Claim | undefined> {
    return this.open().owner(party, station);
  }

  async send(to: NodeId, message: BusMessage): Promise<boolean> {
    return this.open().send(to, message);
  }

  async listen(nodeId: NodeId, handler: Deliver): Promise<() => Promise<void>> {
    const hub = this.open();
    hub.listen(this.member, nodeId, handler);
    return async () => hub.unlisten(this.member, nodeId);
  }

  async nodes(): Promise<readonly NodeId[]> {
    return this.open().nodes();
  }

  async close(): Promise<void> {
    this.closed = true;
    this.hub.forget(this.member);
  }

  private open(): EmbeddedBusHub {
    if (this.closed) throw closedError();
    return this.hub;
  }
}

type BusCall =
  | { readonly call: "claim" | "release"; readonly claim: Claim }
  | { readonly call: "owner"; readonly party: PartyId; readonly station: StationId }
  | { readonly call: "send"; readonly to: NodeId; readonly message: BusMessage }
  | { readonly call: "listen" | "unlisten"; readonly nodeId: NodeId }
  | { readonly call: "nodes" };

type BusRequest = BusCall & { readonly id: number };

type BusReply =
  | { readonly id: number; readonly result: unknown }
  | { readonly id: number; readonly failure: string }
  | { readonly to: NodeId; readonly message: BusMessage };

function answer(hub: EmbeddedBusHub, member: Member, port: MessagePort, request: BusRequest): BusReply {
  try {
    return { id: request.id, result: perform(hub, member, port, request) };
  } catch (error) {
    return { id: request.id, failure: messageOf(error) };
  }
}

function perform(hub: EmbeddedBusHub, member: Member, port: MessagePort, request: BusCall): unknown {
  switch (request.call) {
    case "claim":
      return hub.claim(member, request.claim);
    case "release":
      return hub.release(member, request.claim);
    case "owner":
      return hub.owner(request.party, request.station);
    case "send":
      return hub.send(request.to, request.message);
    case "listen": {
      const to = request.nodeId;
      return hub.listen(member, to, (message) => port.postMessage({ to, message } satisfies BusReply));
    }
    case "unlisten":
      return hub.unlisten(member, request.nodeId);
    case "nodes":
      return hub.nodes();
  }
}

class PortBus implements CommandBus {
  private readonly port: MessagePort;
  private readonly handlers = new Map<NodeId, Deliver>();
  private readonly calls = new Map<number, PromiseWithResolvers<unknown>>();
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
    return this.ask({ call: "owner", party, station });
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

  private receive(reply: BusReply): void {
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
    for (const call of this.calls.values()) call.reject(closedError());
    this.calls.clear();
  }
}

/** The bus in a thread that was given a port of `EmbeddedBusHub.connect()`. */
export function attachBus(port: MessagePort): CommandBus {
  return new PortBus(port);
}
