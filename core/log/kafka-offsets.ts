// Who leads a partition, and where it begins and ends. What many readers ask in one turn of the event loop goes out as
// one request a broker.
import { WattlogError, messageOf } from "../runtime/errors.ts";
import { nameOf, type PartitionId, type Wire } from "./kafka-wire.ts";

export interface Patience {
  /** How long a failing broker is asked again before the caller hears of it. */
  readonly patienceMs: number;
  readonly retryMs: number;
}

interface Question extends PartitionId {
  readonly resolve: (offset: number) => void;
  readonly reject: (error: Error) => void;
}

export class KafkaOffsets {
  private readonly wire: Wire;
  private readonly patience: Patience;
  private leaders: ReadonlyMap<string, readonly number[]> | undefined;
  private refreshing: Promise<void> | undefined;
  private readonly questions = { start: [] as Question[], end: [] as Question[] };

  constructor(wire: Wire, patience: Patience) {
    this.wire = wire;
    this.patience = patience;
  }

  /** @returns the node id, from memory where it is known; -1 where there is none now */
  async leader({ topic, partition }: PartitionId): Promise<number> {
    if (!this.leaders) await this.refresh();
    return this.leaders?.get(topic)?.[partition] ?? -1;
  }

  /** One question for all who ask meanwhile. */
  refresh(): Promise<void> {
    this.refreshing ??= this.refreshOnce().finally(() => {
      this.refreshing = undefined;
    });
    return this.refreshing;
  }

  private async refreshOnce(): Promise<void> {
    this.leaders = await this.wire.leaders();
  }

  /** @throws WattlogError `log/unavailable` */
  offset(id: PartitionId, which: "start" | "end"): Promise<number> {
    return this.patiently(`the ${which} of ${nameOf(id)}`, () => this.ask(id, which));
  }

  /** Tries again, with leaders asked anew, until patience ends. */
  async patiently<T>(what: string, work: () => Promise<T>): Promise<T> {
    const { patienceMs, retryMs } = this.patience;
    const until = performance.now() + patienceMs;
    for (;;) {
      try {
        return await work();
      } catch (error) {
        if (error instanceof WattlogError) throw error;
        if (performance.now() > until) {
          throw new WattlogError("log/unavailable", `Kafka did not tell ${what}: ${messageOf(error)}`, {
            cause: error,
          });
        }
        await new Promise((resolve) => setTimeout(resolve, retryMs));
        await this.refresh().catch(() => undefined);
      }
    }
  }

  private ask(id: PartitionId, which: "start" | "end"): Promise<number> {
    const queue = this.questions[which];
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    if (queue.push({ ...id, resolve, reject }) === 1) setImmediate(() => void this.send(which));
    return promise;
  }

  private async send(which: "start" | "end"): Promise<void> {
    const questions = this.questions[which];
    this.questions[which] = [];
    const byNode = new Map<number, Question[]>();
    try {
      for (const question of questions) {
        const node = await this.leader(question);
        byNode.set(node, [...(byNode.get(node) ?? []), question]);
      }
    } catch (error) {
      for (const { reject } of questions) reject(asError(error));
      return;
    }
    await Promise.all([...byNode].map(([node, some]) => this.sendTo(node, some, which)));
  }

  private async sendTo(node: number, questions: readonly Question[], which: "start" | "end"): Promise<void> {
    try {
      if (node < 0) throw new Error("it has no leader now");
      const unique = [...new Map(questions.map((question) => [nameOf(question), question])).values()];
      const answers = await this.wire.offsets(
        node,
        unique.map(({ topic, partition }) => ({ topic, partition })),
        which,
      );
      const byName = new Map(answers.map((answer) => [nameOf(answer), answer]));
      for (const { resolve, reject, ...id } of questions) {
        const answer = byName.get(nameOf(id));
        if (answer === undefined) reject(new Error("the broker's answer says nothing of it"));
        else if (answer.error !== undefined) reject(new Error(answer.error));
        else resolve(answer.offset);
      }
    } catch (error) {
      for (const { reject } of questions) reject(asError(error));
    }
  }
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
