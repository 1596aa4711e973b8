// Connections that stay between requests. Each belongs to one address that was looked at, and serves only requests whose host was
// resolved anew and led to that very address: a name that leads elsewhere since then gets none of them.
import { Agent as HttpAgent } from "node:http";
import { Agent as HttpsAgent } from "node:https";

import { limits } from "../config/limits.ts";

/** Servers close what is idle after five seconds or more. */
const idleMs = 4_000;

export class KeptConnections {
  private readonly agents = new Map<string, HttpAgent>();

  /** @returns false: there are others enough, this one gets a connection of its own. */
  to({ protocol, host }: URL, address: string): HttpAgent | false {
    const key = `${protocol}//${host} ${address}`;
    const found = this.agents.get(key);
    if (found) return found;
    if (this.agents.size >= limits.outboundKeptHosts) this.forgetIdle();
    if (this.agents.size >= limits.outboundKeptHosts) return false;
    const options = { keepAlive: true, maxSockets: limits.outboundKeptSockets, timeout: idleMs };
    const made = protocol === "https:" ? new HttpsAgent(options) : new HttpAgent(options);
    this.agents.set(key, made);
    return made;
  }

  private forgetIdle(): void {
    for (const [key, { sockets, freeSockets, requests }] of this.agents) {
      const isIdle = [sockets, freeSockets, requests].every((some) => Object.keys(some).length === 0);
      if (isIdle) this.agents.delete(key);
    }
  }
}
