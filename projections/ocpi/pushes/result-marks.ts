// Commands of partners that have ended: whose they were, and that a result waits to be told.
import type { DomainEvent } from "../../../core/records/domain-event.ts";
import type { CommandOrigin } from "../../../core/records/frame-record.ts";
import type { Mark } from "./marks.ts";
import type { PushNeeds } from "./needs.ts";

const keysPerQuery = 400;

export async function resultMarks(
  { store, registry }: PushNeeds,
  events: readonly DomainEvent[],
): Promise<readonly Mark[]> {
  const ended = new Map<string, DomainEvent>();
  for (const event of events) if (event.body.kind === "commandEnded") ended.set(event.body.commandId, event);
  const ids = [...ended.keys()];
  const marks: Mark[] = [];
  for (let at = 0; at < ids.length; at += keysPerQuery) {
    const rows = await store.reader
      .selectFrom("live_command")
      .select(["id", "origin"])
      .where("id", "in", ids.slice(at, at + keysPerQuery))
      .execute();
    for (const { id, origin } of rows) {
      const { via, actor, reply } = JSON.parse(origin) as CommandOrigin;
      const { party, logTime } = ended.get(id)!;
      if (via !== "ocpi" || !reply || registry.find(party, "partner", actor) === undefined) continue;
      marks.push({ party, partner: actor, kind: "results", object: id, due: logTime });
    }
  }
  return marks;
}
