// The client side of `trim`: what was asked of the writer and is not done yet.
import type { MessagePort } from "node:worker_threads";

import { WattlogError } from "../runtime/errors.ts";
import type { TrimMessage, Trimming } from "./log-embedded-shared.ts";

export class TrimRequests {
  private readonly port: MessagePort;
  private readonly open = new Map<number, { resolve: () => void; reject: (error: WattlogError) => void }>();
  private count = 0;
  private ended: WattlogError | undefined;

  constructor(port: MessagePort) {
    this.port = port;
  }

  ask(topicIndex: number, before: ReadonlyMap<number, number>): Promise<void> {
    if (this.ended) return Promise.reject(this.ended);
    const trim = ++this.count;
    return new Promise((resolve, reject) => {
      this.open.set(trim, { resolve, reject });
      this.port.postMessage({ trim, topicIndex, before } satisfies TrimMessage);
    });
  }

  settle({ trimmed, failure }: Trimming): void {
    const asked = this.open.get(trimmed);
    this.open.delete(trimmed);
    if (failure === undefined) asked?.resolve();
    else asked?.reject(new WattlogError("log/unavailable", failure));
  }

  end(error: WattlogError): void {
    this.ended ??= error;
    for (const { reject } of this.open.values()) reject(this.ended);
    this.open.clear();
  }
}
