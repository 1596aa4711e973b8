// Every part of a benchmark has a process of its own, so that its CPU and memory are its own. The parent asks, the child
// answers; a child ends when its parent does.
import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";

/** A child's questions are methods of an interface: one argument at most, a promise as answer. */
type Contract<C> = { readonly [Question in keyof C]: (input: never) => Promise<unknown> };

interface Asked {
  readonly id: number;
  readonly question: string;
  readonly input: unknown;
}

type Answered = { readonly id: number; readonly answer: unknown } | { readonly id: number; readonly failure: string };

const exitMs = 10_000;

export class Child<C extends Contract<C>> {
  private readonly name: string;
  private readonly process: ChildProcess;
  private readonly open = new Map<number, PromiseWithResolvers<unknown>>();
  private readonly exited: Promise<void>;
  private lastId = 0;
  private gone = false;

  /** @param file of bench/load. Its standard output goes to our standard error: ours is for the result alone. */
  constructor(file: string, nodeFlags: readonly string[] = []) {
    this.name = file;
    this.process = fork(fileURLToPath(new URL(file, import.meta.url)), [], {
      execArgv: [...nodeFlags],
      stdio: ["ignore", 2, 2, "ipc"],
      serialization: "advanced",
    });
    this.process.on("message", (message: Answered) => this.settle(message));
    this.process.on("error", (error) => this.fail(error.message));
    this.exited = new Promise((resolve) => {
      this.process.once("exit", (code, signal) => {
        this.gone = true;
        this.fail(`ended with ${signal ?? `code ${code}`}`);
        resolve();
      });
    });
  }

  get pid(): number {
    return this.process.pid ?? 0;
  }

  ask<Question extends keyof C & string>(
    question: Question,
    ...input: Parameters<C[Question]>
  ): ReturnType<C[Question]> {
    if (this.gone) return Promise.reject(new Error(`${this.name} has ended`)) as ReturnType<C[Question]>;
    const id = ++this.lastId;
    const waiting = Promise.withResolvers<unknown>();
    this.open.set(id, waiting);
    this.process.send({ id, question, input: input[0] } satisfies Asked);
    return waiting.promise as ReturnType<C[Question]>;
  }

  /** The child gives back what it holds and ends; killed where it does not. */
  async stop(): Promise<void> {
    if (this.gone) return;
    if (this.process.connected) this.process.disconnect();
    const late = setTimeout(() => this.process.kill("SIGKILL"), exitMs);
    await this.exited;
    clearTimeout(late);
  }

  private settle(message: Answered): void {
    const waiting = this.open.get(message.id);
    this.open.delete(message.id);
    if ("failure" in message) waiting?.reject(new Error(`${this.name}: ${message.failure}`));
    else waiting?.resolve(message.answer);
  }

  private fail(why: string): void {
    for (const waiting of this.open.values()) waiting.reject(new Error(`${this.name} ${why}`));
    this.open.clear();
  }
}

/** The child's end. @param stop gives back what is held, before the process ends. */
export function serve<C extends Contract<C>>(handlers: C, stop: () => Promise<void> = async () => undefined): void {
  const say = (message: Answered) => process.send?.(message);
  process.on("message", ({ id, question, input }: Asked) => {
    const handler = handlers[question as keyof C] as unknown as (input: unknown) => Promise<unknown>;
    handler(input).then(
      (answer) => say({ id, answer }),
      (error: unknown) => say({ id, failure: error instanceof Error ? error.message : String(error) }),
    );
  });
  process.once("disconnect", () => {
    stop().then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(error);
        process.exit(1);
      },
    );
  });
}
