import { beforeAll, beforeEach } from "vitest";

import { postgresSchema } from "../../test/harness/postgres.ts";
import { serversForTests, type ServersOrReason } from "../../tools/servers/ensure.ts";
import { openPostgresStore } from "./store-postgres.ts";
import { storeContract, type StoreHarness } from "./store.contract.ts";
import type { Store } from "./store.ts";

let found: ServersOrReason;
beforeAll(async () => {
  found = await serversForTests(["postgres"]);
}, 120_000);
beforeEach((context) => {
  if (found.missing) context.skip(found.missing);
});

async function postgres(): Promise<StoreHarness> {
  const schema = await postgresSchema(found.servers.postgres!.url);
  let stores: Store[] = [];
  const open = (): Store => {
    const store = openPostgresStore({ url: schema.url });
    stores.push(store);
    return store;
  };
  const closeAll = async (): Promise<void> => {
    await Promise.all(stores.map((store) => store.close()));
    stores = [];
  };
  return {
    store: open(),
    another: async () => open(),
    async restart() {
      await closeAll();
      return open();
    },
    async pretendVersion(version) {
      await schema.query(`insert into schema_version (version) values (${version})`);
    },
    async end() {
      await closeAll();
      await schema.drop();
    },
  };
}

storeContract("postgres", postgres);
