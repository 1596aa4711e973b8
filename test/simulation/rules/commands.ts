// Held to commands at the end (rules C1-C4, L5): one end each, and one that agrees with what the station saw.
import type { CommandOutcome, DomainEvent } from "../../../core/records/domain-event.ts";
import type { Journal } from "../journal.ts";
import { ofKind } from "./written.ts";

interface End {
  readonly outcome: CommandOutcome;
}

export function checkCommands(journal: Journal, events: ReadonlyMap<string, readonly DomainEvent[]>): void {
  const ends = new Map<string, End[]>();
  for (const chain of events.values()) {
    for (const { body } of chain) {
      if (body.kind !== "commandEnded") continue;
      ends.set(body.commandId, [...(ends.get(body.commandId) ?? []), { outcome: body.outcome }]);
    }
  }
  for (const [id, facts] of journal.commandFacts) {
    if (ofKind(facts, "commandRequested").length === 0) continue;
    const ended = ends.get(id) ?? [];
    journal.check("C4", ended.length === 1, () => `${id} has ${ended.length} ends.`);
    if (ended[0]) checkAgreement(journal, id, ended[0].outcome);
  }
  for (const [id, seen] of journal.commands) {
    journal.check("L5", seen.length === 1, () => `${id} reached ${seen[0]!.station} ${seen.length} times.`);
  }
  checkCallers(journal, ends);
}

function checkAgreement(journal: Journal, id: string, outcome: CommandOutcome): void {
  const seen = journal.commands.get(id)?.length ?? 0;
  const said = journal.commandAnswers.get(id);
  const facts = journal.commandFacts.get(id) ?? [];
  switch (outcome) {
    case "accepted":
    case "rejected":
    case "error":
      journal.check("L5", said === outcome, () => `${id} ended ${outcome}, but the station said ${String(said)}.`);
      return;
    case "expired":
    case "not_connected":
      journal.check("L5", seen === 0, () => `${id} ended ${outcome}, but the station got it.`);
      return;
    case "timeout":
    case "unknown": {
      const wasSent = ofKind(facts, "commandSent").length > 0;
      journal.check("C4", wasSent, () => `${id} ended ${outcome} without having been sent.`);
    }
  }
}

/** Whoever waited was told what the log says. */
function checkCallers(journal: Journal, ends: ReadonlyMap<string, readonly End[]>): void {
  for (const { answer, station } of journal.asked) {
    if (answer?.status !== "done") continue;
    const outcome = ends.get(answer.id)?.[0]?.outcome;
    journal.check("C4", answer.outcome === outcome, () => {
      return `A caller was told that ${answer.id} for ${station} ended ${String(answer.outcome)}; the log says ${String(outcome)}.`;
    });
  }
}
