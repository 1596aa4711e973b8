// Whether a Redis is one that a bus may rest on: it answers well and still loses what is written, or takes nothing.
import type { RedisAddress } from "./redis-url.ts";

/**
 * @param info the server's answer to INFO
 * @returns one sentence with what to change; undefined: it is fit
 */
export function unfitness(info: string, { kind, place }: RedisAddress): string | undefined {
  const fields = new Map(info.split(/\r?\n/).map((line) => [line.slice(0, line.indexOf(":")), valueOf(line)]));
  // Behind Sentinel and in a cluster the client asks for the master by itself.
  if (kind === "single" && fields.get("role") === "slave") {
    return `Redis at ${place} is a replica, which takes no writes: REDIS_URL must lead to the primary, or to its Sentinels.`;
  }
  const policy = fields.get("maxmemory_policy") ?? "noeviction";
  if (policy === "noeviction" || Number(fields.get("maxmemory") ?? 0) === 0) return undefined;
  return (
    `Redis at ${place} drops routes to stations when its memory is full (maxmemory-policy ${policy}), and commands ` +
    "would be told that nobody is there: set it to noeviction."
  );
}

function valueOf(line: string): string {
  return line.slice(line.indexOf(":") + 1);
}
