// The writer's thread. Ports are drained by hand before each batch: while a commit blocks the thread, everything
// that arrives belongs to the next one.
import { parentPort, receiveMessageOnPort, workerData, type MessagePort } from "node:worker_threads";

import { messageOf, WattlogError } from "../runtime/errors.ts";
import type { Part } from "./log-embedded-format.ts";
import {
  SharedEnds,
  SharedStats,
  wake,
  type FromClient,
  type FromWorker,
  type ListenMessage,
  type Outcome,
  type ToClient,
  type Told,
  type ToWorker,
  type TrimMessage,
  type WorkerInput,
} from "./log-embedded-shared.ts";
import { LogWriter, type Sender } from "./log-embedded-writer.ts";

class Client implements Sender {
  readonly port: MessagePort;
  private readonly armed: Int32Array;

  constructor(port: MessagePort, armed: SharedArrayBuffer) {
    this.port = port;
    this.armed = new Int32Array(armed);
  }

  receipts(parts: readonly Part[], { logTime, told, failure }: Outcome): void {
    const message: ToClient = { parts: parts.map(withoutTells), logTime, told, failure };
    this.port.postMessage(
      message,
      parts.map((part) => part.buffer),
    );
  }

  tell(told: Told): void {
    this.port.postMessage(told satisfies ToClient);
  }

  wakeIfArmed(topicIndex: number): void {
    if (Atomics.exchange(this.armed, topicIndex, 0) === 1) this.port.postMessage(wake satisfies ToClient);
  }
}

const input = workerData as WorkerInput;
const clockShift = new Float64Array(input.clockShift);
/** Between two slices of what is given up. */
const trimPauseMs = 20;
const clients = new Set<Client>();
const listeners = new Map<string, Client>();
let scheduled = false;
let closing = false;

function tellMain(message: FromWorker): void {
  parentPort!.postMessage(message);
}

function openWriter(): LogWriter | undefined {
  try {
    return new LogWriter({
      folder: input.folder,
      topics: input.topics,
      ends: new SharedEnds(input.topics, input.ends),
      stats: new SharedStats(input.stats),
      now: () => Date.now() + clockShift[0]!,
      onProblem: (problem) => tellMain({ type: "problem", problem }),
      onGrowth: (topicIndex) => {
        for (const client of clients) client.wakeIfArmed(topicIndex);
      },
      onTell: (told) => {
        const client = listeners.get(told.address);
        client?.tell(told);
        return client !== undefined;
      },
    });
  } catch (error) {
    const code = error instanceof WattlogError ? error.code : "start/data-folder";
    tellMain({ type: "refused", code, message: messageOf(error) });
    return undefined;
  }
}

function run(writer: LogWriter): void {
  scheduled = false;
  drain(writer);
  const waitMs = writer.writeBatch();
  if (closing) close(writer);
  else if (!writer.idle || waitMs > 0) schedule(writer, waitMs);
}

function schedule(writer: LogWriter, waitMs = 0): void {
  if (scheduled) return;
  scheduled = true;
  if (waitMs > 0) setTimeout(run, waitMs, writer);
  else setImmediate(run, writer);
}

function drain(writer: LogWriter): void {
  for (const client of clients) {
    for (;;) {
      const received = receiveMessageOnPort(client.port);
      if (!received) break;
      take(writer, client, received.message as FromClient);
    }
  }
}

function take(writer: LogWriter, client: Client, message: FromClient): void {
  if ("trim" in message) trim(writer, client, message);
  else if ("address" in message) listen(client, message);
  else writer.enqueue(message, client);
}

function listen(client: Client, { address, listens }: ListenMessage): void {
  if (listens) listeners.set(address, client);
  else if (listeners.get(address) === client) listeners.delete(address);
}

/** A slice, then a pause: records go first. */
function trim(writer: LogWriter, client: Client, message: TrimMessage): void {
  let failure: string | undefined;
  try {
    if (closing) failure = "The log is closed.";
    else if (writer.trimSlice(message.topicIndex, message.before)) {
      setTimeout(trim, trimPauseMs, writer, client, message);
      return;
    }
  } catch (error) {
    failure = messageOf(error);
  }
  client.port.postMessage({ trimmed: message.trim, failure } satisfies ToClient);
}

function connect(writer: LogWriter, port: MessagePort, armed: SharedArrayBuffer): void {
  const client = new Client(port, armed);
  clients.add(client);
  port.on("message", (message: FromClient) => {
    take(writer, client, message);
    schedule(writer);
  });
  port.on("close", () => {
    clients.delete(client);
    for (const [address, listener] of listeners) if (listener === client) listeners.delete(address);
  });
}

/** They have done their work, and need not go back. */
function withoutTells(part: Part): Part {
  if (part.tells === undefined) return part;
  const { tells: _, ...rest } = part;
  return rest;
}

/** What was handed over before the close is still written, or refused with a reason: no append hangs. */
function close(writer: LogWriter): void {
  drain(writer);
  while (!writer.idle && writer.writeBatch() === 0);
  writer.close();
  for (const client of clients) client.port.close();
  parentPort!.close();
}

const writer = openWriter();
if (writer) {
  parentPort!.on("message", (message: ToWorker) => {
    if (message.type === "connect") return connect(writer, message.port, message.armed);
    closing = true;
    return schedule(writer);
  });
  tellMain({ type: "ready" });
}
