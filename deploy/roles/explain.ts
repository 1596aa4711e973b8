// A session explained out of a data folder or a cluster's servers, beside whatever runs there.
import type { PartyId } from "../../core/ids/ids.ts";
import type { Explanation } from "../../core/ports/explanation.ts";
import { RegistryView } from "../../core/registry/view.ts";
import { createExplainer } from "../../processors/explain/explain.ts";
import { withLog, withStore, type Source } from "./source.ts";

/** @returns undefined: there is no such session, or no record of it. */
export function explainFrom(source: Source, party: PartyId, sessionId: string): Promise<Explanation | undefined> {
  return withLog(source, (log) =>
    withStore(source, async (store) => {
      const registry = new RegistryView(log);
      await registry.start();
      try {
        return await createExplainer({ log, store, registry }).explain(party, sessionId);
      } finally {
        await registry.stop();
      }
    }),
  );
}
