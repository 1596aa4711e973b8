// A test process in miniature: asks a keeper for Redis, says PING, and ends. Run by keeper.test.ts.
import { Redis } from "ioredis";

import { ensureServers, sweepServers } from "./ensure.ts";

if (process.argv[2] === "sweep") await sweepServers();
const { redis } = await ensureServers(["redis"]);
const client = new Redis(redis!.url, { retryStrategy: () => null, maxRetriesPerRequest: 0 });
client.on("error", () => {});
console.log(await client.ping());
client.disconnect();
