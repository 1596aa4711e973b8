// A charging station over a real socket.
import { WsClient, type WsClientOptions, type WsClosed, type WsOpen } from "../../bench/fleet/ws-client.ts";

export class TestStation {
  readonly received: string[] = [];
  opened: WsOpen | undefined;
  closed: WsClosed | undefined;
  private client: WsClient | undefined;
  private waiters: (() => void)[] = [];

  /** Resolves when the upgrade was answered, whatever the answer. */
  static async connect(options: WsClientOptions): Promise<TestStation> {
    const station = new TestStation();
    await new Promise<void>((resolve) => {
      station.client = new WsClient(options, {
        open: (info) => {
          station.opened = info;
          resolve();
        },
        message: (data) => {
          station.received.push(data.toString());
          station.wake();
        },
        closed: (info) => {
          station.closed = info;
          resolve();
          station.wake();
        },
      });
    });
    return station;
  }

  get connectionId(): string {
    return this.opened?.connectionId ?? "";
  }

  send(frame: unknown): void {
    this.client?.sendText(Buffer.from(typeof frame === "string" ? frame : JSON.stringify(frame)));
  }

  /** The answer to a CALL, parsed. */
  async call(id: string, action: string, payload: unknown): Promise<unknown[]> {
    const before = this.received.length;
    this.send([2, id, action, payload]);
    await this.until(() => this.received.length > before);
    return JSON.parse(this.received[before]!) as unknown[];
  }

  /** @throws where it does not become true within `ms`. */
  async until(condition: () => boolean, ms = 30_000): Promise<void> {
    const deadline = performance.now() + ms;
    while (!condition()) {
      if (performance.now() > deadline) throw new Error(`waited in vain; received ${JSON.stringify(this.received)}`);
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, 10);
        this.waiters.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  setAutoPong(on: boolean): void {
    this.client?.setAutoPong(on);
  }

  close(code = 1000): void {
    this.client?.close(code, "");
  }

  destroy(): void {
    this.client?.destroy();
  }

  freeze(): void {
    this.client?.freeze();
  }

  private wake(): void {
    for (const wake of this.waiters.splice(0)) wake();
  }
}
