// All open connections of this node, and by what they are looked up.
import type { ConnectionId } from "../../core/ids/ids.ts";
import type { Connection } from "./connection.ts";

export class ConnectionTable {
  private readonly byId = new Map<ConnectionId, Connection>();
  /** Almost every station has one connection; a second one is a reconnect. Keyed by log key. */
  private readonly byStation = new Map<string, Connection | Connection[]>();

  private emptyWaiters: (() => void)[] = [];

  get size(): number {
    return this.byId.size;
  }

  add(connection: Connection): void {
    this.byId.set(connection.id, connection);
    const known = this.byStation.get(connection.key);
    if (known === undefined) this.byStation.set(connection.key, connection);
    else if (Array.isArray(known)) known.push(connection);
    else this.byStation.set(connection.key, [known, connection]);
  }

  remove(connection: Connection): void {
    this.byId.delete(connection.id);
    if (this.byId.size === 0) for (const resolve of this.emptyWaiters.splice(0)) resolve();
    const known = this.byStation.get(connection.key);
    if (known === connection) this.byStation.delete(connection.key);
    else if (Array.isArray(known)) {
      const rest = known.filter((other) => other !== connection);
      if (rest.length === 0) this.byStation.delete(connection.key);
      else this.byStation.set(connection.key, rest.length === 1 ? rest[0]! : rest);
    }
  }

  /** Resolves when no connection is left. */
  empty(): Promise<void> {
    if (this.byId.size === 0) return Promise.resolve();
    return new Promise((resolve) => this.emptyWaiters.push(resolve));
  }

  get(id: ConnectionId): Connection | undefined {
    return this.byId.get(id);
  }

  ofStation(key: string): readonly Connection[] {
    const known = this.byStation.get(key);
    if (known === undefined) return [];
    return Array.isArray(known) ? known : [known];
  }

  all(): IterableIterator<Connection> {
    return this.byId.values();
  }

  *ofPartition(partition: number): Generator<Connection> {
    for (const connection of this.byId.values()) if (connection.partition === partition) yield connection;
  }
}
