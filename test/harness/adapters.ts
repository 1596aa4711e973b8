// The adapters of one process or of a cluster, for tests that put a gateway or a fold of their own between them, where a
// port shall fail: an empty log, a bus, and as many empty stores as they ask for.
import { beforeAll, beforeEach, describe } from "vitest";

import { EmbeddedBusHub } from "../../core/bus/bus-embedded.ts";
import { openRedisBus } from "../../core/bus/bus-redis.ts";
import type { CommandBus } from "../../core/bus/bus.ts";
import { settingRows } from "../../core/config/setting-rows.ts";
import { EmbeddedLogServer } from "../../core/log/log-embedded-server.ts";
import { EmbeddedLog } from "../../core/log/log-embedded.ts";
import { openPlatformaticLog } from "../../core/log/log-platformatic.ts";
import { makeTopics, type EventLog } from "../../core/log/log.ts";
import { openPostgresStore } from "../../core/store/store-postgres.ts";
import { openSqliteStore } from "../../core/store/store-sqlite.ts";
import type { Store } from "../../core/store/store.ts";
import { shareCluster } from "./cluster-system.ts";
import { ownTopics } from "./kafka.ts";
import { tempFolder } from "./paths.ts";
import { postgresSchema } from "./postgres.ts";
import { places, startTimeoutMs, type Place } from "./system.ts";

export interface Adapters {
  readonly log: EventLog;
  /** As many handles as a test has processes. */
  bus(): CommandBus;
  /** Migrated; the caller closes it. */
  openStore(): Promise<Store>;
  end(): Promise<void>;
}

export type OpenAdapters = (partitions: number) => Promise<Adapters>;

/** As `onEachSystem`, for what happens between the ports of a gateway or a fold in the test's own process. */
export function onAdaptersOfEach(promise: string, tests: (open: OpenAdapters) => void): void {
  describe.each(places)(`${promise} at the ports on %s`, (place) => {
    let missing: string | undefined;
    let environment: Readonly<Record<string, string>> = {};
    beforeAll(async () => {
      if (place === "one process") return;
      const found = await shareCluster();
      if ("missing" in found) missing = found.missing;
      else environment = found.environment;
    }, startTimeoutMs);
    beforeEach((context) => {
      if (missing !== undefined) context.skip(missing);
    });
    tests((partitions) => openers[place](partitions, environment));
  });
}

type Opener = (partitions: number, environment: Readonly<Record<string, string>>) => Promise<Adapters>;

const openers: Readonly<Record<Place, Opener>> = { "one process": embedded, "a cluster": ofCluster };

async function embedded(partitions: number): Promise<Adapters> {
  const folder = tempFolder("adapters");
  const topics = makeTopics(1, partitions);
  const server = await EmbeddedLogServer.start({ folder: folder.path, topics });
  const log = EmbeddedLog.attach({ port: server.connect(), folder: folder.path, topics });
  const hub = new EmbeddedBusHub();
  return {
    log,
    bus: () => hub.client(),
    async openStore() {
      const store = openSqliteStore(folder.path);
      await store.migrate();
      return store;
    },
    async end() {
      await log.close();
      await server.close();
      folder[Symbol.dispose]();
    },
  };
}

/** On the servers of the run's cluster, beside it: topics and a schema of their own, and stations that nobody else has. */
async function ofCluster(partitions: number, environment: Readonly<Record<string, string>>): Promise<Adapters> {
  const { KAFKA_BROKERS: brokers = "", REDIS_URL: redisUrl = "", DATABASE_URL: databaseUrl = "" } = environment;
  const connection = { brokers: brokers.split(","), clientId: "wattlog-test" };
  const own = await ownTopics(connection, 1, partitions);
  const log = openPlatformaticLog({ connection, topics: own.topics });
  const schema = await postgresSchema(databaseUrl);
  return {
    log,
    bus: () => openRedisBus({ url: redisUrl, clusterId: settingRows.clusterId.fallback }),
    async openStore() {
      const store = openPostgresStore({ url: schema.url });
      await store.migrate();
      return store;
    },
    async end() {
      await log.close();
      await own.remove();
      await schema.drop();
    },
  };
}
