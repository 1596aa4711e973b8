// The CommandBus of one process. The hub lives on the main thread and holds the ownership table; clients are there
// (`hub.client()`) or, through a MessagePort, in any other thread (`attachBus(hub.connect())`, bus-embedded-port.ts).
import { MessageChannel, type MessagePort } from "node:worker_threads";

import type { NodeId, PartyId, StationId } from "../ids/ids.ts";
import { messageOf } from "../runtime/errors.ts";
import {
  closedError,
  withOwnBytes,
  type BusCall,
  type BusQuestion,
  type BusReply,
  type BusRequest,
  type Told,
} from "./bus-embedded-port.ts";
import type { BusMessage, Claim, CommandBus } from "./bus.ts";
import { OwnershipTable } from "./ownership.ts";

type Deliver = (message: BusMessage) => void;

interface Listener {
  readonly deliver: Deliver;
  /** In another thread: delivering is a message to it. */
  readonly elsewhere: boolean;
}

/** One client of the hub, in this thread or at the other end of a port. */
class Member {
  readonly claims = new Map<string, Claim>();
  readonly listening = new Map<NodeId, Listener>();
  /** Of a client in another thread: it keeps the owners that it asked for, and the nodes, and is told of changes. */
  readonly tell: ((told: Told) => void) | undefined;

  constructor(tell?: (told: Told) => void) {
    this.tell = tell;
  }
}

export class EmbeddedBusHub {
  private readonly ownership = new OwnershipTable();
  private readonly listeners = new Map<NodeId, Listener>();
  private readonly ports = new Map<MessagePort, Member>();
  /** By station, who was told its owner: only those that are held, so bounded by the stations that are connected. */
  private readonly told = new Map<string, Set<Member>>();

  /** For the thread that the hub lives on. */
  client(): CommandBus {
    return new LocalBus(this);
  }

  /** For another thread: transfer it there and `attachBus` it. When it closes, what came through it is forgotten. */
  connect(): MessagePort {
    const { port1, port2 } = new MessageChannel();
    const member = new Member((told) => port1.postMessage(told satisfies BusReply));
    this.ports.set(port1, member);
    member.tell?.({ nodes: this.nodes() });
    port1.on("message", (request: BusRequest) => {
      if (request.call === "send") this.send(request.to, request.message, queueMicrotask);
      else port1.postMessage(answer(this, member, port1, request));
    });
    port1.on("close", () => {
      this.ports.delete(port1);
      this.forget(member);
    });
    return port2;
  }

  close(): void {
    for (const port of this.ports.keys()) port.close();
    this.listeners.clear();
    this.ownership.clear();
    this.told.clear();
  }

  claim(member: Member, claim: Claim): "current" | "superseded" {
    const { verdict, displaced } = this.ownership.claim(claim);
    if (verdict === "current") {
      member.claims.set(OwnershipTable.key(claim.party, claim.station), claim);
      this.changed(claim.party, claim.station);
    }
    if (displaced && displaced.connectionId !== claim.connectionId)
      this.send(displaced.nodeId, { type: "superseded", connectionId: displaced.connectionId });
    return verdict;
  }

  release(member: Member, claim: Claim): void {
    const key = OwnershipTable.key(claim.party, claim.station);
    if (member.claims.get(key)?.connectionId === claim.connectionId) member.claims.delete(key);
    this.giveUp(claim);
  }

  owner(party: PartyId, station: StationId): Claim | undefined {
    return this.ownership.owner(party, station);
  }

  /** As `owner`; the member is told from now on when it changes, until nobody holds the station. */
  ownerFor(member: Member, party: PartyId, station: StationId): Claim | undefined {
    const owner = this.ownership.owner(party, station);
    if (!owner || !member.tell) return owner;
    const key = OwnershipTable.key(party, station);
    const told = this.told.get(key);
    if (told) told.add(member);
    else this.told.set(key, new Set([member]));
    member.tell({ station: key, owner });
    return owner;
  }

  /**
   * A listener never runs inside its sender.
   * @param defer what comes from another thread needs no turn of its own; default: the end of this turn.
   */
  send(to: NodeId, message: BusMessage, defer: (run: () => void) => void = setImmediate): boolean {
    const listener = this.listeners.get(to);
    if (!listener) return false;
    if (listener.elsewhere) listener.deliver(message);
    else
      defer(() => {
        if (this.listeners.get(to) === listener) listener.deliver(message);
      });
    return true;
  }

  listen(member: Member, nodeId: NodeId, deliver: Deliver): void {
    if (this.listeners.has(nodeId)) throw new Error(`Node ${nodeId} listens already.`);
    const listener = { deliver, elsewhere: member.tell !== undefined };
    this.listeners.set(nodeId, listener);
    member.listening.set(nodeId, listener);
    this.tellNodes();
  }

  unlisten(member: Member, nodeId: NodeId): void {
    const listener = member.listening.get(nodeId);
    if (!listener) return;
    member.listening.delete(nodeId);
    if (this.listeners.get(nodeId) === listener) this.listeners.delete(nodeId);
    this.tellNodes();
  }

  nodes(): readonly NodeId[] {
    return [...this.listeners.keys()];
  }

  /** A client that is gone took its sockets along. */
  forget(member: Member): void {
    for (const nodeId of member.listening.keys()) this.unlisten(member, nodeId);
    for (const members of this.told.values()) members.delete(member);
    for (const claim of member.claims.values()) this.giveUp(claim);
    member.claims.clear();
  }

  private tellNodes(): void {
    const nodes = this.nodes();
    for (const member of this.ports.values()) member.tell?.({ nodes });
  }

  private giveUp(claim: Claim): void {
    this.ownership.release(claim);
    if (!this.ownership.owner(claim.party, claim.station)) this.changed(claim.party, claim.station);
  }

  private changed(party: PartyId, station: StationId): void {
    const key = OwnershipTable.key(party, station);
    const told = this.told.get(key);
    if (!told) return;
    const owner = this.ownership.owner(party, station);
    if (!owner) this.told.delete(key);
    for (const member of told) member.tell?.({ station: key, owner });
  }
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

function answer(hub: EmbeddedBusHub, member: Member, port: MessagePort, request: BusQuestion): BusReply {
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
      return hub.ownerFor(member, request.party, request.station);
    case "listen": {
      const to = request.nodeId;
      return hub.listen(member, to, (message) =>
        port.postMessage({ to, message: withOwnBytes(message) } satisfies BusReply),
      );
    }
    case "unlisten":
      return hub.unlisten(member, request.nodeId);
  }
}
