// Both ends of the protocol between the main thread and its workers.
import { MessagePort, parentPort, Worker, workerData } from "node:worker_threads";

import { isWattlogError, messageOf, WattlogError, type ErrorCode } from "../../core/runtime/errors.ts";
import type {
  FromThread,
  LogThreadInput,
  ThreadAnswers,
  ThreadInput,
  ThreadQuestion,
  ToThread,
} from "./thread-protocol.ts";

/** The main thread's end. */
export class RoleThread {
  readonly name: string;
  private readonly worker: Worker;
  private readonly open = new Map<number, { resolve: (answer: unknown) => void; reject: (error: Error) => void }>();
  private nextId = 1;
  private ended = false;

  /** @param onFatal called once when the thread ends unasked or says that it cannot go on. */
  constructor(name: string, file: URL, input: LogThreadInput | ThreadInput, onFatal: (why: string) => void) {
    this.name = name;
    const transferList = Object.values(input).filter((value) => value instanceof MessagePort);
    this.worker = new Worker(file, { name, workerData: input, transferList });
    this.worker.on("message", (message: FromThread) => {
      if ("fatal" in message) onFatal(`${name}: ${message.fatal}`);
      else this.settle(message);
    });
    this.worker.on("error", (error) => onFatal(`${name}: ${messageOf(error)}`));
    this.worker.on("exit", (code) => {
      if (!this.ended) onFatal(`${name} ended with code ${code}`);
      this.ended = true;
      for (const waiting of this.open.values()) waiting.reject(new Error(`${name} has ended`));
      this.open.clear();
    });
  }

  ask<Question extends ThreadQuestion>(question: Question): Promise<ThreadAnswers[Question]> {
    if (this.ended) return Promise.reject(new Error(`${this.name} has ended`));
    const id = this.nextId++;
    return new Promise((resolve, reject) => {
      this.open.set(id, { resolve: resolve as (answer: unknown) => void, reject });
      this.worker.postMessage({ id, question } satisfies ToThread);
    });
  }

  async stop(): Promise<void> {
    if (this.ended) return;
    await this.ask("stop");
    this.ended = true;
    await this.worker.terminate();
  }

  private settle(message: Exclude<FromThread, { fatal: string }>): void {
    const waiting = this.open.get(message.id);
    if (!waiting) return;
    this.open.delete(message.id);
    if ("answer" in message) waiting.resolve(message.answer);
    else if (message.code) waiting.reject(new WattlogError(message.code as ErrorCode, message.failure));
    else waiting.reject(new Error(message.failure));
  }
}

/** The worker's end: answers each question with the handler of its name, one at a time. */
export function serveThread<Input extends LogThreadInput = ThreadInput>(
  make: (
    input: Input,
    fatal: (why: string) => void,
  ) => {
    readonly [Question in ThreadQuestion]: () => Promise<ThreadAnswers[Question]>;
  },
): void {
  const port = parentPort;
  if (!port) throw new Error("This file is the start of a worker thread.");
  const say = (message: FromThread) => port.postMessage(message);
  const handlers = make(workerData as Input, (why) => say({ fatal: why }));
  port.on("message", ({ id, question }: ToThread) => {
    handlers[question]().then(
      (answer) => say({ id, answer }),
      (error: unknown) => say({ id, failure: messageOf(error), code: isWattlogError(error) ? error.code : null }),
    );
  });
}
