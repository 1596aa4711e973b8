// Who asked for a command, on the wire: two texts. What is to be told to a roaming partner stands behind the actor's name, in the
// same text, so that processes of an older version carry it through unread.
import type { CommandOrigin, CommandReply } from "./frame-record.ts";

/** In no partner's id. */
const behind = "\n";

export function originTexts({ via, actor, reply }: CommandOrigin): readonly [string, string] {
  return [via, reply === undefined ? actor : `${actor}${behind}${JSON.stringify(reply)}`];
}

/** Never throws: where it is no reply of ours, it is all the actor's. */
export function originOf([via, text]: readonly [string, string]): CommandOrigin {
  const plain = { via: via as CommandOrigin["via"], actor: text };
  const at = text.indexOf(behind);
  const reply = at < 0 ? undefined : replyIn(text.slice(at + behind.length));
  return reply ? { ...plain, actor: text.slice(0, at), reply } : plain;
}

function replyIn(json: string): CommandReply | undefined {
  try {
    const found = JSON.parse(json) as Partial<Record<keyof CommandReply, unknown>> | null;
    const isReply = [found?.of, found?.url, found?.correlationId].every((member) => typeof member === "string");
    return isReply ? (found as CommandReply) : undefined;
  } catch {
    return undefined;
  }
}
