// What a world of projections/testing stands on where nothing is said against it: the embedded log and bus, and the store of
// test/harness/stores.ts.
import { EmbeddedBusHub } from "../../core/bus/bus-embedded.ts";
import { EmbeddedLogServer } from "../../core/log/log-embedded-server.ts";
import { EmbeddedLog } from "../../core/log/log-embedded.ts";
import type { Adapters } from "../../projections/testing/world.ts";
import { openTestStore } from "./stores.ts";

export const worldAdapters: Adapters = {
  openLog: async (folder, topics) => {
    const server = await EmbeddedLogServer.start({ folder, topics });
    return { log: EmbeddedLog.attach({ port: server.connect(), folder, topics }), close: () => server.close() };
  },
  openStore: openTestStore,
  openBus: () => new EmbeddedBusHub().client(),
};
