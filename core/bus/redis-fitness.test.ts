import { expect, test } from "vitest";

import { unfitness } from "./redis-fitness.ts";
import { parseRedisUrl } from "./redis-url.ts";

const info = (fields: Readonly<Record<string, string>>): string =>
  `# Server\r\n${Object.entries(fields)
    .map(([name, value]) => `${name}:${value}`)
    .join("\r\n")}\r\n`;
const single = parseRedisUrl("redis://localhost:6379");
const sentinel = parseRedisUrl("redis+sentinel://localhost:26379/main");

test.each([
  [
    "a primary that evicts nothing",
    { role: "master", maxmemory: "1000", maxmemory_policy: "noeviction" },
    single,
    /^fit$/,
  ],
  [
    "no limit, so nothing is evicted",
    { role: "master", maxmemory: "0", maxmemory_policy: "allkeys-lru" },
    single,
    /^fit$/,
  ],
  ["one that says little", {}, single, /^fit$/],
  [
    "any eviction",
    { role: "master", maxmemory: "1000", maxmemory_policy: "volatile-lru" },
    single,
    /volatile-lru.*noeviction/,
  ],
  ["a replica", { role: "slave" }, single, /is a replica.*primary/],
  ["a replica that Sentinel will replace", { role: "slave" }, sentinel, /^fit$/],
])("%s", (_, fields, address, says) => {
  expect(unfitness(info(fields), address) ?? "fit").toMatch(says);
});
