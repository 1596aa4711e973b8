// What stands in front of gateways: one address, each new connection to the next gateway that says it is ready, as a load
// balancer does it.
import { freePorts } from "../harness/ports.ts";
import { Relay } from "../harness/relay.ts";
import { eventually, sleep } from "../harness/wait.ts";

const lookEveryMs = 250;
/** Above what a gateway takes on a busy machine, below the patience of stations. */
const answerWithinMs = 1_000;

interface Gateway {
  readonly url?: string | undefined;
  readonly adminUrl: string;
}

export class Front implements AsyncDisposable {
  readonly url: string;
  readonly relay: Relay;
  private readonly ready: ReadonlySet<number>;
  private readonly over = new AbortController();
  private readonly looking: Promise<unknown>;

  /** @param gateways as they are now: a restarted one keeps its addresses. */
  static async before(gateways: () => readonly Gateway[]): Promise<Front> {
    const ready = new Set<number>();
    let next = 0;
    const [port] = await freePorts(1);
    const relay = await Relay.listen(Number(port), () => [...ready][next++ % Math.max(1, ready.size)]);
    return new Front(relay, gateways, ready);
  }

  private constructor(relay: Relay, gateways: () => readonly Gateway[], ready: Set<number>) {
    this.relay = relay;
    this.ready = ready;
    this.url = `ws://127.0.0.1:${relay.port}`;
    this.looking = Promise.all(gateways().map((_, index) => this.look(() => gateways()[index]!, ready)));
  }

  /** Once it is missed, what still leads to it is ended. */
  async forsake(gateway: Gateway): Promise<void> {
    const port = portOf(gateway);
    await eventually("a gateway to be missed", () => !this.ready.has(port));
    this.relay.cut(port);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.over.abort();
    await this.looking;
    await this.relay[Symbol.asyncDispose]();
  }

  private async look(gateway: () => Gateway, ready: Set<number>): Promise<void> {
    while (!this.over.signal.aborted) {
      const { adminUrl } = gateway();
      const signal = AbortSignal.timeout(answerWithinMs);
      const answer = await fetch(`${adminUrl}/health/ready`, { signal }).catch(() => undefined);
      const port = portOf(gateway());
      if (answer?.ok) ready.add(port);
      else ready.delete(port);
      await sleep(lookEveryMs);
    }
  }
}

const portOf = ({ url = "" }: Gateway): number => Number(new URL(url).port);
