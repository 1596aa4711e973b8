import { hash } from "node:crypto";

import type { Clock } from "./clock.ts";
import type { Counts } from "./counters.ts";
import type { CommandReply, Payload } from "./dialect.ts";
import type { Journal } from "./journal.ts";
import type { Link } from "./link.ts";
import { callErrorFrame, callResultFrame } from "./ocpp-frames.ts";

export interface CommandInboxDeps {
  readonly station: string;
  readonly clock: Clock;
  readonly journal: Journal;
  readonly counts: Counts;
  readonly link: Link;
  reply(action: string, payload: Payload): CommandReply;
}

/**
 * Takes one CALL of the CSMS. It is journaled and synced before it is answered, so that the ledger knows every command
 * that reached this station; what it does to the station happens behind the answer.
 */
export function receiveCommand(
  deps: CommandInboxDeps,
  command: { readonly id: string; readonly action: string; readonly payload: Payload; readonly sha: string },
): void {
  const { station, clock, journal, counts, link } = deps;
  const { id, action, payload, sha } = command;
  const conn = link.conn ?? "";
  counts.commandsSeen++;
  journal.append({ kind: "command", dir: "in", t: clock.now(), station, conn, id, action, sha });
  journal.whenDurable(() => {
    const reply = deps.reply(action, payload);
    const frame = reply.ok ? callResultFrame(id, reply.payload) : callErrorFrame(id, reply.code, reply.description);
    const sent = link.conn === conn && link.send(frame);
    if (sent) counts.commandsAnswered++;
    journal.append({
      kind: "commandAnswer",
      dir: "out",
      t: clock.now(),
      station,
      conn,
      id,
      action,
      type: reply.ok ? 3 : 4,
      status: reply.ok ? statusOf(reply.payload) : reply.code,
      sha: hash("sha256", frame, "hex"),
      sent,
    });
    if (reply.ok) reply.after?.();
  });
}

function statusOf(payload: Payload): string | null {
  const { status } = payload;
  return typeof status === "string" ? status : null;
}
