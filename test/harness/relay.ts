// A port that leads to another, as a network between two processes does: each direction can be held by itself, which
// neither end can tell from a peer that is slow, single links fall silent, and all can be cut at once. TCP loses nothing:
// what was held arrives late where both ends still want it.
import { connect, createServer, type Server, type Socket } from "node:net";

/** `there`: from who connected to whom it leads to. */
export type Direction = "there" | "back";

const both: readonly Direction[] = ["there", "back"];

interface Link {
  readonly client: Socket;
  readonly target: Socket;
  /** The port that it leads to. */
  readonly to: number;
  readonly held: Set<Direction>;
}

export class Relay implements AsyncDisposable {
  readonly port: number;
  private readonly server: Server;
  private readonly links = new Set<Link>();
  private readonly held = new Set<Direction>();

  /** @param route the port for the next connection; undefined: it is refused. */
  static async listen(port: number, route: () => number | undefined): Promise<Relay> {
    const relay = new Relay(port, route);
    await new Promise<void>((resolve, reject) => {
      relay.server.once("error", reject).listen(port, "127.0.0.1", resolve);
    });
    return relay;
  }

  private constructor(port: number, route: () => number | undefined) {
    this.port = port;
    this.server = createServer({ allowHalfOpen: true }, (client) => {
      const to = route();
      if (to === undefined) client.destroy();
      else this.join(client, to);
    });
  }

  get size(): number {
    return this.links.size;
  }

  /** Nothing passes in these directions, on the links that are and those that come. */
  hold(directions: readonly Direction[] = both): void {
    for (const direction of directions) this.held.add(direction);
    for (const link of this.links) apply(link, directions, true);
  }

  /** What was held passes now. */
  release(): void {
    this.held.clear();
    for (const link of this.links) apply(link, both, false);
  }

  /** Links of which neither end hears again, until `release`. @returns how many. */
  silence(chosen: () => boolean): number {
    let count = 0;
    for (const link of this.links) {
      if (link.held.size > 0 || !chosen()) continue;
      apply(link, both, true);
      count++;
    }
    return count;
  }

  /** Every link, or every one to this port, without a word. @returns how many. */
  cut(to?: number): number {
    const ended = [...this.links].filter((link) => to === undefined || link.to === to);
    for (const link of ended) {
      for (const socket of [link.client, link.target]) socket.resetAndDestroy();
      this.links.delete(link);
    }
    return ended.length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.server.close(resolve));
  }

  private join(client: Socket, to: number): void {
    const target = connect({ port: to, host: "127.0.0.1", allowHalfOpen: true });
    const link: Link = { client, target, to, held: new Set(this.held) };
    this.links.add(link);
    carry(link, "there");
    carry(link, "back");
    for (const socket of [client, target]) {
      socket.setNoDelay(true);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        this.links.delete(link);
        // What it said last goes first.
        (socket === client ? target : client).destroySoon();
      });
    }
    apply(link, [...this.held], true);
  }
}

function endsOf({ client, target }: Link, direction: Direction): readonly [from: Socket, to: Socket] {
  return direction === "there" ? [client, target] : [target, client];
}

function carry(link: Link, direction: Direction): void {
  const [from, to] = endsOf(link, direction);
  from.on("data", (bytes) => {
    if (to.write(bytes)) return;
    from.pause();
    to.once("drain", () => link.held.has(direction) || from.resume());
  });
  from.on("end", () => to.end());
}

function apply(link: Link, directions: readonly Direction[], isHeld: boolean): void {
  for (const direction of directions) {
    const [from] = endsOf(link, direction);
    if (isHeld) {
      link.held.add(direction);
      from.pause();
    } else {
      link.held.delete(direction);
      from.resume();
    }
  }
}
