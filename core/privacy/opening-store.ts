// A store whose rows are opened as they are read: for who shows them or sends them on. What is looked for by a token is looked
// for by its sealed form (`Sealing.sealedForm`); `withoutPlugins()` reads rows as they stand there.
import type { KyselyPlugin, PluginTransformResultArgs, QueryResult, UnknownRow } from "kysely";

import type { Store } from "../store/store.ts";
import { mayBeSealed } from "./sealed-text.ts";
import type { Sealing } from "./sealing.ts";

export type ReadStore = Pick<Store, "dialect" | "reader" | "snapshot">;

export function openingStore(inner: ReadStore, sealing: Sealing): ReadStore {
  const plugin: KyselyPlugin = {
    transformQuery: ({ node }) => node,
    transformResult: ({ result }: PluginTransformResultArgs) => opened(sealing, result),
  };
  return {
    dialect: inner.dialect,
    reader: inner.reader.withPlugin(plugin),
    snapshot: (work) => inner.snapshot((db) => work(db.withPlugin(plugin))),
  };
}

/** The same for who writes as well, into tables of their own: what they write stands there as they wrote it. */
export function openingWholeStore(inner: Store, sealing: Sealing): Store {
  return {
    ...openingStore(inner, sealing),
    transaction: (work) => inner.transaction(work),
    write: (writing) => inner.write(writing),
    migrate: () => inner.migrate(),
    close: () => inner.close(),
  };
}

async function opened(sealing: Sealing, result: QueryResult<UnknownRow>): Promise<QueryResult<UnknownRow>> {
  const sealed = result.rows.flatMap((row) => Object.values(row).filter(isSealed));
  if (sealed.length === 0) return result;
  const open = await sealing.opener(sealed);
  const rows = result.rows.map((row) =>
    Object.fromEntries(Object.entries(row).map(([name, value]) => [name, isSealed(value) ? open(value) : value])),
  );
  return { ...result, rows };
}

function isSealed(value: unknown): value is string {
  return typeof value === "string" && mayBeSealed(value);
}
