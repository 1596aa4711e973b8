// A station that moves from gateway to gateway with commands in flight, and keeps what reached it on any of its sockets.
import type { Rng } from "../../bench/fleet/rng.ts";
import { boot16, TestStation, type ReceivedCommand } from "../harness/station.ts";
import { eventually } from "../harness/wait.ts";

/** The socket is cut; closed politely; or stays open until its gateway ends it. */
export type Departure = "cut" | "closed" | "left open";
/** `elsewhere`: on whatever socket the station has a moment later. */
export type Manner = "at once" | "elsewhere" | "never";

export interface Received {
  readonly commandId: string;
  readonly connectionId: string;
  /** What the command asks for: each has a value of its own, so that a second sending shows whatever its id. */
  readonly value: string;
}

const accepted = { status: "Accepted" };

/** As a command that changes nothing of a simulated station: its value is what tells it from others. */
export function commandOf(value: string): { readonly action: string; readonly payload: object } {
  return { action: "ChangeConfiguration", payload: { key: "Moves", value } };
}

export class MovingStation implements AsyncDisposable {
  readonly id: string;
  readonly received: Received[] = [];
  moves = 0;
  manner: (value: string) => Manner = () => "at once";
  private readonly sockets: TestStation[] = [];
  private readonly expected: { readonly start: string; readonly resolve: () => void }[] = [];

  constructor(id: string) {
    this.id = id;
  }

  get socket(): TestStation {
    return this.sockets.at(-1)!;
  }

  /** The first time it boots; after that it comes back as one that lost its line. Resolves when it is answered there. */
  async moveTo(url: string, departure: Departure = "cut"): Promise<void> {
    const before = this.sockets.at(-1);
    if (departure === "cut") before?.vanish();
    if (departure === "closed") await before?.close();
    // As stations do: a gateway that cannot answer in time closes the socket, and is tried again.
    await eventually(`${this.id} to be answered`, () => this.connect(url, before !== undefined), { timeoutMs: 60_000 });
    if (before) this.moves++;
  }

  async leave(): Promise<void> {
    await this.socket.close();
  }

  /** Resolves when a command whose value begins so has come. */
  receives(start: string): Promise<void> {
    return new Promise((resolve) => this.expected.push({ start, resolve }));
  }

  /** Answers a command that it has received, on the socket that it has now. */
  answer(commandId: string): void {
    if (this.socket.isOpen) this.socket.sendRaw(JSON.stringify([3, commandId, accepted]));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.sockets.map((socket) => socket.close()));
  }

  /** Rule I4: life after the receipt of `connected` makes it the station's connection. */
  private async connect(url: string, isBack: boolean): Promise<true> {
    const socket: TestStation = await TestStation.connect({
      url,
      id: this.id,
      onCommand: (command) => this.take(socket, command),
    });
    this.sockets.push(socket);
    await socket.call(isBack ? "Heartbeat" : "BootNotification", isBack ? {} : boot16);
    return true;
  }

  private take({ connectionId }: TestStation, { id, payload }: ReceivedCommand): object | undefined {
    const value = String(payload["value"]);
    this.received.push({ commandId: id, connectionId, value });
    for (const { start, resolve } of this.expected) if (value.startsWith(start)) resolve();
    const manner = this.manner(value);
    if (manner === "elsewhere") setTimeout(() => this.answer(id), 40);
    return manner === "at once" ? accepted : undefined;
  }
}

/** What a station makes of a command depends on the seed and the command alone. */
export function mannerBy(rng: Rng): (value: string) => Manner {
  return (value) => {
    const drawn = rng.fork(value).next();
    if (drawn < 0.65) return "at once";
    return drawn < 0.85 ? "elsewhere" : "never";
  };
}
