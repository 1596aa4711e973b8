// Where the command line and the ledger check read: a data folder, beside a live process or where none runs, or the
// servers of a cluster. No folder is locked, and nobody writes but a rebuild, into tables of its own.
import { tmpdir } from "node:os";

import type { Settings } from "../../core/config/settings.ts";
import { openLogReadOnly } from "../../core/log/log-embedded.ts";
import type { EventLog } from "../../core/log/log.ts";
import { RegistryView } from "../../core/registry/view.ts";
import type { ReadStore } from "../../core/privacy/opening-store.ts";
import { requireSchema } from "../../core/store/migrations.ts";
import { openSqliteStore, openStoreReadOnly, type ReadOnlyStore } from "../../core/store/store-sqlite.ts";
import type { Store } from "../../core/store/store.ts";
import { throughArchive } from "./archive.ts";
import { noErasures, sealingOf, type SealingParts } from "./sealing.ts";

export interface Source {
  /** Where a scratch folder has room for as much again. */
  readonly scratchIn: string;
  /** @throws WattlogError `log/unavailable` where there is no log. */
  openLog(): Promise<EventLog>;
  /** @throws WattlogError `store/unavailable` where there are no tables. */
  openStore(): Promise<ReadOnlyStore>;
  /** What people are shown is opened by; absent: nothing is sealed. */
  readonly seal?: () => SealingParts;
  /** For a rebuild. @throws WattlogError `store/unavailable` | `store/schema` where there are no tables of this version. */
  openStoreToWrite(): Promise<Store>;
}

export function folderSource(dataDir: string): Source {
  return {
    scratchIn: dataDir,
    openLog: async () => openLogReadOnly(dataDir),
    openStore: async () => openStoreReadOnly(dataDir),
    async openStoreToWrite() {
      // Says so where there is none; the other would make an empty one.
      await openStoreReadOnly(dataDir).close();
      const store = openSqliteStore(dataDir);
      try {
        await requireSchema(store.reader, store.dialect);
        return store;
      } catch (error) {
        await store.close();
        throw error;
      }
    },
  };
}

/** The cluster's servers where KAFKA_BROKERS names them, else the data folder. */
export function sourceOf(settings: Settings): Source {
  if (settings.kafkaBrokers === "") {
    const { dataDir } = settings;
    const openLog = async () => throughArchive(openLogReadOnly(dataDir), settings);
    return { ...folderSource(dataDir), openLog, seal: () => sealingOf(settings, noErasures) };
  }
  // Loaded only here: a laptop's command line needs no clients of servers.
  const connect = () => import("./cluster/connect.ts");
  return {
    scratchIn: tmpdir(),
    seal: () => sealingOf(settings, noErasures),
    openLog: async () => (await connect()).openLogForReading(settings),
    openStore: async () => (await connect()).connectStore(settings),
    openStoreToWrite: async () => (await connect()).connectStore(settings),
  };
}

export async function withLog<T>(source: Source, work: (log: EventLog) => Promise<T>): Promise<T> {
  const log = await source.openLog();
  try {
    return await work(log);
  } finally {
    await log.close();
  }
}

/** The registry as it stands in the log now. */
export function withRegistry<T>(source: Source, work: (registry: RegistryView) => T | Promise<T>): Promise<T> {
  return withLog(source, async (log) => {
    const registry = new RegistryView(log);
    await registry.start();
    try {
      return await work(registry);
    } finally {
      await registry.stop();
    }
  });
}

/** Rows as people are shown them. */
export async function withStore<T>(source: Source, work: (store: ReadStore) => Promise<T>): Promise<T> {
  const store = await source.openStore();
  const seal = source.seal?.();
  try {
    return await work(seal?.toShow(store) ?? store);
  } finally {
    await seal?.close();
    await store.close();
  }
}
