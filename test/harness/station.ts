// One charging station under a test's control: every frame, every message id, every loss of the line is the test's.
import type { ConnectionOptions } from "node:tls";

import { WsClient, type WsClosed } from "../../bench/fleet/ws-client.ts";
import { within } from "./wait.ts";

/** Above the time that a gateway waits for the log: what has no answer by then gets none. */
const answerMs = 30_000;

export type Protocol = "ocpp1.6" | "ocpp2.0.1" | "ocpp2.1";

/** A frame as it came: `[3, id, payload]`, `[4, id, code, description, details]`, `[2, id, action, payload]`. */
export interface Incoming {
  readonly at: number;
  readonly text: string;
  readonly frame: readonly unknown[];
}

export interface ReceivedCommand {
  readonly id: string;
  readonly action: string;
  readonly payload: Readonly<Record<string, unknown>>;
}

/** What a station does with a CALL: the payload of its answer, an error code, or (undefined) nothing. */
export type Reaction = object | { readonly error: string } | undefined;

export interface StationOptions {
  readonly url: string;
  readonly id: string;
  readonly protocol?: Protocol;
  /** Basic authentication, the identity as user. */
  readonly password?: string;
  /** What it shows and believes at a wss:// address. */
  readonly tls?: ConnectionOptions;
  readonly onCommand?: (command: ReceivedCommand) => Reaction;
}

export class TestStation implements AsyncDisposable {
  readonly id: string;
  /** Name of the connection, as the gateway gave it. */
  connectionId = "";
  /** Everything received, in order. */
  readonly received: Incoming[] = [];
  readonly commands: ReceivedCommand[] = [];
  readonly closed: Promise<WsClosed>;
  onCommand: (command: ReceivedCommand) => Reaction;
  private readonly socket: WsClient;
  private readonly opened: Promise<void>;
  private readonly waiting = new Map<string, (incoming: Incoming) => void>();
  private count = 0;

  /** Resolves when the upgrade has succeeded. @throws where it is refused. */
  static async connect(options: StationOptions): Promise<TestStation> {
    const station = new TestStation(options);
    await station.opened;
    return station;
  }

  constructor({ url, id, protocol = "ocpp1.6", password, tls, onCommand }: StationOptions) {
    this.id = id;
    this.onCommand = onCommand ?? (() => ({ status: "Accepted" }));
    const closed = Promise.withResolvers<WsClosed>();
    const opened = Promise.withResolvers<void>();
    this.closed = closed.promise;
    this.opened = opened.promise;
    this.opened.catch(() => undefined);
    this.socket = new WsClient(
      {
        url: `${url.replace(/\/+$/, "")}/${encodeURIComponent(id)}`,
        protocols: [protocol],
        ...(password === undefined ? {} : { auth: { user: id, password } }),
        ...(tls === undefined ? {} : { tls }),
      },
      {
        open: (info) => {
          this.connectionId = info.connectionId ?? "";
          opened.resolve();
        },
        message: (data) => this.take(data.toString("utf8")),
        closed: (info) => {
          opened.reject(new Error(`${id} was not let in: ${info.reason}`));
          closed.resolve(info);
        },
      },
    );
  }

  get isOpen(): boolean {
    return this.socket.isOpen;
  }

  /** Sends bytes as a text message, whatever they are. */
  sendRaw(bytes: Buffer | string): void {
    this.socket.sendText(typeof bytes === "string" ? Buffer.from(bytes) : bytes);
  }

  /** @returns the exact frame of a CALL, to be sent, kept and sent again. */
  frame(
    action: string,
    payload: object,
    id = `${this.id}-${++this.count}`,
  ): { readonly id: string; readonly text: string } {
    return { id, text: JSON.stringify([2, id, action, payload]) };
  }

  /** Sends a CALL and resolves with its answer's payload. @throws on CALLERROR, close, or no answer in time. */
  async call<T = Readonly<Record<string, unknown>>>(action: string, payload: object, timeoutMs = answerMs): Promise<T> {
    const incoming = await this.exchange(this.frame(action, payload), timeoutMs);
    if (incoming.frame[0] !== 3) throw new Error(`${action} was answered ${incoming.text}`);
    return incoming.frame[2] as T;
  }

  /** Sends a frame and resolves with what answers its id. @throws on close, or no answer in time. */
  async exchange(frame: { readonly id: string; readonly text: string }, timeoutMs = answerMs): Promise<Incoming> {
    const answer = this.answerTo(frame.id);
    this.sendRaw(frame.text);
    const first = await within(timeoutMs, Promise.race([answer, this.closed]));
    if (first === "nothing") throw new Error(`no answer to ${frame.text} within ${timeoutMs} ms`);
    if (!("frame" in first))
      throw new Error(`closed (${first.code} ${first.reason}) instead of an answer to ${frame.text}`);
    return first;
  }

  /** The next frame that answers this id. */
  answerTo(id: string): Promise<Incoming> {
    const { promise, resolve } = Promise.withResolvers<Incoming>();
    this.waiting.set(id, resolve);
    return promise;
  }

  answersTo(id: string): Incoming[] {
    return this.received.filter(({ frame }) => (frame[0] === 3 || frame[0] === 4) && frame[1] === id);
  }

  /** The line is cut without a word. */
  vanish(): void {
    this.socket.destroy(true);
  }

  /** The socket stays, but nothing is read or written any more. */
  freeze(): void {
    this.socket.freeze();
  }

  async close(): Promise<void> {
    this.socket.close(1000, "");
    await within(3000, this.closed);
    this.socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  private take(text: string): void {
    const incoming: Incoming = { at: performance.now(), text, frame: JSON.parse(text) as unknown[] };
    this.received.push(incoming);
    const [type, id] = incoming.frame;
    if (type === 2) return this.takeCommand(incoming.frame as [2, string, string, Record<string, unknown>]);
    const resolve = this.waiting.get(String(id));
    this.waiting.delete(String(id));
    resolve?.(incoming);
  }

  private takeCommand([, id, action, payload]: [2, string, string, Record<string, unknown>]): void {
    const command = { id, action, payload };
    this.commands.push(command);
    const reaction = this.onCommand(command);
    if (reaction === undefined) return;
    const answer = "error" in reaction ? [4, id, reaction.error, "", {}] : [3, id, reaction];
    this.sendRaw(JSON.stringify(answer));
  }
}

export const boot16 = { chargePointVendor: "TestVendor", chargePointModel: "TestModel" };
export const boot2x = { reason: "PowerUp", chargingStation: { vendorName: "TestVendor", model: "TestModel" } };

/** Connects and boots; online as soon as the fold has seen it. */
export async function bootedStation(options: StationOptions): Promise<TestStation> {
  const station = await TestStation.connect(options);
  await station.call("BootNotification", (options.protocol ?? "ocpp1.6") === "ocpp1.6" ? boot16 : boot2x);
  return station;
}
