// Stations of the test's own beside the fleet, which ask at an even pace and remember how long each answer took.
import { logKey, trusted } from "../../core/ids/ids.ts";
import { partitionOf } from "../../core/log/partition.ts";
import { party } from "../harness/gateway.ts";
import { bootedStation, TestStation } from "../harness/station.ts";
import { eventually, sleep } from "../harness/wait.ts";
import { partitions } from "./partitions.ts";

const askEveryMs = 100;

/** An identity whose records go to that partition. */
export function stationOf(prefix: string, partition: number): string {
  for (let i = 0; ; i++) {
    const id = `${prefix}-${i}`;
    if (partitionOf(logKey(party, trusted.station(id)), partitions) === partition) return id;
  }
}

export class Probe implements AsyncDisposable {
  /** Monotonic ms of each answer, and how long it took. */
  readonly answers: { readonly at: number; readonly tookMs: number }[] = [];
  /** Answers that were CALLERRORs. */
  errors = 0;
  /** The close code, where its line was closed. */
  closedWith: number | undefined;
  private readonly station: TestStation;
  private readonly asking: Promise<void>;
  private over = false;

  /** Comes again where it is sent away, as stations do. */
  static async at(url: string, id: string): Promise<Probe> {
    const served = () => bootedStation({ url, id });
    return new Probe(await eventually(`${id} to be served`, served, { timeoutMs: 60_000, everyMs: 500 }));
  }

  private constructor(station: TestStation) {
    this.station = station;
    void station.closed.then(({ code }) => (this.closedWith = code));
    this.asking = this.ask();
  }

  slowestSince(at: number): number {
    return Math.max(0, ...this.answers.filter((answer) => answer.at >= at).map(({ tookMs }) => tookMs));
  }

  answersSince(at: number): number {
    return this.answers.filter((answer) => answer.at >= at).length;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.over = true;
    await this.station.close();
    await this.asking;
  }

  private async ask(): Promise<void> {
    while (!this.over && this.station.isOpen) {
      const from = performance.now();
      // Closed, or nothing for a minute: its end says which.
      const answer = await this.station.exchange(this.station.frame("Heartbeat", {}), 60_000).catch(() => undefined);
      if (answer === undefined) return;
      const at = performance.now();
      if (answer.frame[0] === 3) this.answers.push({ at, tookMs: at - from });
      else this.errors++;
      await sleep(askEveryMs);
    }
  }
}

/** @returns the status of an upgrade: 101 where the station is let in. */
export async function upgradeStatus(url: string, id: string): Promise<number> {
  const station = new TestStation({ url, id });
  const first = await Promise.race([eventually("an upgrade", () => station.isOpen && "open"), station.closed]);
  if (first !== "open") return first.httpStatus ?? 0;
  await station.close();
  return 101;
}
