// The nodes of this process and their channels on one subscribing connection, which is made anew whenever it ends or
// does not answer. What is published meanwhile is lost, as the port allows.
import { limits } from "../config/limits.ts";
import type { NodeId } from "../ids/ids.ts";
import type { Clock, Timer } from "../runtime/clock.ts";
import type { RedisLink, RedisListener } from "./redis-client.ts";
import type { RedisKeys } from "./redis-keys.ts";

export type Deliver = (message: Uint8Array) => void;

export class Listening {
  private readonly client: RedisLink;
  private readonly keys: RedisKeys;
  private readonly clock: Clock;
  private readonly handlers = new Map<NodeId, Deliver>();
  private subscription: RedisListener | undefined;
  private opening: Promise<void> | undefined;
  private timer: Timer | undefined;
  private turn = 0;
  private closed = false;

  constructor(client: RedisLink, keys: RedisKeys, clock: Clock) {
    this.client = client;
    this.keys = keys;
    this.clock = clock;
  }

  nodes(): readonly NodeId[] {
    return [...this.handlers.keys()];
  }

  get hears(): boolean {
    return this.handlers.size === 0 || this.subscription !== undefined;
  }

  /** Hears from now on, or as soon as Redis can be reached: a gateway must start without it. */
  async add(nodeId: NodeId, deliver: Deliver): Promise<void> {
    if (this.handlers.has(nodeId)) throw new Error(`Node ${nodeId} listens already.`);
    this.handlers.set(nodeId, deliver);
    const { subscription } = this;
    if (subscription) await this.orAnew(subscription, subscription.subscribe(this.keys.channel(nodeId)));
    else await this.open();
  }

  async remove(nodeId: NodeId): Promise<void> {
    if (!this.handlers.delete(nodeId)) return;
    const { subscription } = this;
    if (subscription) await this.orAnew(subscription, subscription.unsubscribe(this.keys.channel(nodeId)));
  }

  /** Handed straight to the node's handler, as if it had come over Redis. */
  deliver(nodeId: NodeId, message: Uint8Array): void {
    this.handlers.get(nodeId)?.(message);
  }

  /** A subscriber that hears nothing cannot tell silence from a dead server. */
  async check(): Promise<void> {
    const { subscription } = this;
    if (subscription) await this.orAnew(subscription, subscription.ping());
  }

  close(): void {
    this.closed = true;
    this.timer?.cancel();
    this.handlers.clear();
    this.subscription?.close();
    this.subscription = undefined;
  }

  private open(): Promise<void> {
    this.opening ??= this.connect().finally(() => (this.opening = undefined));
    return this.opening;
  }

  private async connect(): Promise<void> {
    const subscription = this.client.newSubscriber(this.turn++);
    try {
      await subscription.open(
        (channel, message) => this.deliver(this.keys.nodeOf(channel), message),
        () => this.lost(subscription),
      );
      const subscribed = this.nodes();
      if (subscribed.length > 0) await subscription.subscribe(...subscribed.map((node) => this.keys.channel(node)));
      this.subscription = subscription;
      // Those that were added meanwhile.
      const late = this.nodes().filter((node) => !subscribed.includes(node));
      if (late.length > 0) await subscription.subscribe(...late.map((node) => this.keys.channel(node)));
      if (this.closed) subscription.close();
    } catch {
      subscription.close();
      this.lost(subscription);
    }
  }

  private async orAnew(subscription: RedisListener, work: Promise<void>): Promise<void> {
    await work.catch(() => {
      subscription.close();
      this.lost(subscription);
    });
  }

  private lost(subscription: RedisListener): void {
    if (this.subscription === subscription) this.subscription = undefined;
    if (this.closed || this.subscription) return;
    this.timer?.cancel();
    this.timer = this.clock.after(limits.busReconnectMaxMs * (0.2 + 0.8 * Math.random()), () => void this.open());
  }
}
