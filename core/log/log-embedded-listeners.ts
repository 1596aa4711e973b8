// The client side of `listen`: the writer's thread hands it entries that name its address, as soon as they are durable.
import type { MessagePort } from "node:worker_threads";

import { decodeSection } from "./log-embedded-format.ts";
import type { ListenMessage, Told } from "./log-embedded-shared.ts";
import type { LogBatch, LogRecord, Topic } from "./log.ts";

type Handler = (batch: LogBatch) => void;

export class Listeners {
  private readonly port: MessagePort;
  private readonly topics: readonly Topic[];
  private readonly handlers = new Map<string, Handler>();

  constructor(port: MessagePort, topics: readonly Topic[]) {
    this.port = port;
    this.topics = topics;
  }

  listen(address: string, handler: Handler): () => void {
    if (this.handlers.has(address)) throw new Error(`Somebody listens at ${address} already.`);
    this.handlers.set(address, handler);
    this.port.postMessage({ address, listens: true } satisfies ListenMessage);
    return () => {
      if (this.handlers.get(address) !== handler) return;
      this.handlers.delete(address);
      this.port.postMessage({ address, listens: false } satisfies ListenMessage);
    };
  }

  told({ address, topicIndex, partition, offset, logTime, entry }: Told): void {
    const handler = this.handlers.get(address);
    // It ended while this was on its way.
    if (!handler) return;
    const body = Buffer.from(entry.buffer, entry.byteOffset, entry.length);
    const records: LogRecord[] = [];
    decodeSection({ row: 0, logTime, base: offset, count: 1, body, start: 0 }, offset, 1, records);
    handler({ topic: this.topics[topicIndex]!, partition, records });
  }
}
