// Whether who charged is sealed, where the keys lie, and which log and store each part of a process is given then
// (docs/privacy.md). Where it is off each gets what there is, and nothing costs more.
import { WattlogError } from "../../core/runtime/errors.ts";
import type { Settings } from "../../core/config/settings.ts";
import type { EventLog } from "../../core/log/log.ts";
import { openPostgresKeyStore } from "../../core/privacy/key-store-postgres.ts";
import { openSqliteKeyStore } from "../../core/privacy/key-store-sqlite.ts";
import type { KeyStore } from "../../core/privacy/key-store.ts";
import { openingStore, openingWholeStore, type ReadStore } from "../../core/privacy/opening-store.ts";
import { OpeningLog, SealingLog } from "../../core/privacy/sealing-log.ts";
import { Sealing, type SealingOptions } from "../../core/privacy/sealing.ts";
import type { Logger } from "../../core/runtime/logger.ts";
import type { Store } from "../../core/store/store.ts";
import { ocpiOf } from "./ocpi.ts";

export interface SealingParts {
  /** undefined: it is off. */
  readonly sealing: Sealing | undefined;
  /** For who writes events. */
  toWrite(log: EventLog): EventLog;
  /** For who shows events, or sends them on. Folds of events take the log as it is. */
  toRead(log: EventLog): EventLog;
  toShow(store: ReadStore): ReadStore;
  toShowAndWrite(store: Store): Store;
  /** Keys that a backup brought back go again; what they open is shown to nobody either way. */
  purge(logger: Logger): void;
  close(): Promise<void>;
}

const nothing: SealingParts = {
  sealing: undefined,
  toWrite: (log) => log,
  toRead: (log) => log,
  toShow: (store) => store,
  toShowAndWrite: (store) => store,
  purge: () => {},
  close: () => Promise.resolve(),
};

/** For who reads and has no registry at hand: a key that was destroyed is not there either way. */
export const noErasures: SealingOptions["registry"] = {
  find: () => undefined,
  ids: () => [],
  parties: () => new Set(),
};

/** @throws WattlogError `config/invalid`: it is on in a cluster that has no secret. */
export function sealingOf(settings: Settings, registry: SealingOptions["registry"]): SealingParts {
  if (settings.seal === "off") return nothing;
  const { secret } = ocpiOf(settings);
  if (secret === undefined) {
    const sentence =
      "WATTLOG_SEAL needs WATTLOG_SECRETS_KEY in a cluster: the same in every process, and never another.";
    throw new WattlogError("config/invalid", sentence);
  }
  const keys = keysOf(settings);
  const sealing = new Sealing({ keys, secret, registry });
  return {
    sealing,
    toWrite: (log) => (settings.seal === "on" ? new SealingLog(log, sealing) : log),
    toRead: (log) => new OpeningLog(log, sealing),
    toShow: (store) => openingStore(store, sealing),
    toShowAndWrite: (store) => openingWholeStore(store, sealing),
    purge: (logger) => {
      sealing.purge().catch((error: unknown) => {
        logger.warn(
          { err: error },
          "keys of who was erased may have come back with a backup; the next start looks again",
        );
      });
    },
    close: () => keys.close(),
  };
}

function keysOf({ kafkaBrokers, dataDir, keysDatabaseUrl, databaseUrl }: Settings): KeyStore {
  if (kafkaBrokers === "") return openSqliteKeyStore(dataDir);
  return openPostgresKeyStore({ url: keysDatabaseUrl === "" ? databaseUrl : keysDatabaseUrl });
}
