// Commands that have ended: which of them were partners', whose results wait to be told.
import type { PartyId } from "../../../core/ids/ids.ts";
import type { DomainEvent } from "../../../core/records/domain-event.ts";
import type { CommandOrigin } from "../../../core/records/frame-record.ts";
import type { CommandRow } from "../../../core/store/tables.ts";
import type { Mark } from "./marks.ts";
import type { PushNeeds } from "./needs.ts";

const keysPerQuery = 400;

export interface EndedCommand extends Pick<CommandRow, "id" | "station" | "action" | "payload" | "outcome"> {
  readonly party: PartyId;
  readonly origin: CommandOrigin;
  /** Of its end. */
  readonly logTime: number;
}

export async function endedCommands({ store }: PushNeeds, events: readonly DomainEvent[]) {
  const ended = new Map<string, DomainEvent>();
  for (const event of events) if (event.body.kind === "commandEnded") ended.set(event.body.commandId, event);
  const ids = [...ended.keys()];
  const found: EndedCommand[] = [];
  for (let at = 0; at < ids.length; at += keysPerQuery) {
    const rows = await store.reader
      .selectFrom("live_command")
      .select(["id", "station", "action", "payload", "outcome", "origin"])
      .where("id", "in", ids.slice(at, at + keysPerQuery))
      .execute();
    for (const row of rows) {
      const { party, logTime } = ended.get(row.id)!;
      found.push({ ...row, party, logTime, origin: JSON.parse(row.origin) as CommandOrigin });
    }
  }
  return found;
}

export function resultMarks({ registry }: PushNeeds, ended: readonly EndedCommand[]): readonly Mark[] {
  return ended.flatMap(({ id, party, logTime, origin: { via, actor, reply } }) => {
    const isPartners = via === "ocpi" && reply && registry.find(party, "partner", actor) !== undefined;
    return isPartners ? [{ party, partner: actor, kind: "results" as const, object: id, due: logTime }] : [];
  });
}
