// A data folder as somebody sees it who only reads: beside a live process or where none runs. No lock, no writer.
import { openLogReadOnly } from "../../core/log/log-embedded.ts";
import type { EventLog } from "../../core/log/log.ts";
import { RegistryView } from "../../core/registry/view.ts";
import { openStoreReadOnly, type ReadOnlyStore } from "../../core/store/store-sqlite.ts";

/** @throws WattlogError `log/unavailable` when the folder holds no log. */
export async function withLog<T>(dataDir: string, work: (log: EventLog) => Promise<T>): Promise<T> {
  const log = openLogReadOnly(dataDir);
  try {
    return await work(log);
  } finally {
    await log.close();
  }
}

/** The registry as it stands in the log now. */
export function withRegistry<T>(dataDir: string, work: (registry: RegistryView) => T | Promise<T>): Promise<T> {
  return withLog(dataDir, async (log) => {
    const registry = new RegistryView(log);
    await registry.start();
    try {
      return await work(registry);
    } finally {
      await registry.stop();
    }
  });
}

/** @throws WattlogError `store/unavailable` when the folder holds no tables. */
export async function withStore<T>(dataDir: string, work: (store: ReadOnlyStore) => Promise<T>): Promise<T> {
  const store = openStoreReadOnly(dataDir);
  try {
    return await work(store);
  } finally {
    await store.close();
  }
}
