// Beside its outcome a remote start has an effect: `commandEffects` of core/records/station-documents.ts, by command id.
import type { PartyId } from "../../core/ids/ids.ts";
import type { CommandRow } from "../../core/store/tables.ts";
import type { ApiOptions } from "./context.ts";

export interface CommandEffect {
  /** null: no remote start, not accepted, or not known yet. */
  readonly effect: "started" | "not_started" | null;
  readonly sessionId: string | null;
}

const remoteStarts = new Set(["RemoteStartTransaction", "RequestStartTransaction"]);
const unknown: CommandEffect = { effect: null, sessionId: null };

/** One query for all of them, and none where no remote start is among them. */
export async function effectsOf(
  { store }: Pick<ApiOptions, "store">,
  party: PartyId,
  commands: readonly Pick<CommandRow, "id" | "action">[],
): Promise<ReadonlyMap<string, CommandEffect>> {
  const ids = commands.filter(({ action }) => remoteStarts.has(action)).map(({ id }) => id);
  if (ids.length === 0) return new Map();
  const rows = await store.reader
    .selectFrom("live_station_document")
    .select(["key", "document"])
    .where("party", "=", party)
    .where("collection", "=", "commandEffects")
    .where("key", "in", ids)
    .execute();
  return new Map(rows.map(({ key, document }) => [key, JSON.parse(document ?? "{}") as CommandEffect]));
}

export function effectOf(effects: ReadonlyMap<string, CommandEffect> | undefined, commandId: string): CommandEffect {
  const { effect, sessionId } = effects?.get(commandId) ?? unknown;
  return { effect, sessionId };
}
