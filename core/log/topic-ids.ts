// Which log this is. A topic's name says nothing about that: whoever deletes it and makes it anew has another log whose
// offsets begin again. Its id, given by the brokers when it is made, tells the two apart.
import { createHash } from "node:crypto";

import { Brokers } from "./platformatic-client.ts";
import type { KafkaConnection } from "./kafka-wire.ts";
import type { Topics } from "./log.ts";

const requestMs = 3_000;

/**
 * The ids of the three topics. Asked anew each time, on a connection of its own.
 * @param attempt how many were in vain before; which broker is asked first follows from it
 * @returns by name; a topic that there is not is left out
 * @throws where no broker answers
 */
export async function topicIds(
  connection: KafkaConnection,
  { frames, events, registry }: Topics,
  attempt = 0,
): Promise<ReadonlyMap<string, string>> {
  const brokers = new Brokers(connection, requestMs, attempt);
  try {
    return (await brokers.learn([frames.name, events.name, registry.name])).topicIds;
  } finally {
    brokers.close();
  }
}

/** 16 hex digits that no other log has; the same for every process of a cluster. */
export function logIdentityOf(ids: ReadonlyMap<string, string>): string {
  const named = [...ids].map(([name, id]) => `${name}=${id}`).sort();
  return createHash("sha256").update(named.join("\n")).digest("hex").slice(0, 16);
}
