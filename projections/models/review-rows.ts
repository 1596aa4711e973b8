// The queue of held CDRs, and who decided what about a CDR and why. Pure.
import type { CdrReviewAction } from "../../core/records/cdr-review.ts";
import type { DomainEvent } from "../../core/records/domain-event.ts";
import type { CdrReviewRow } from "../../core/store/tables.ts";
import type { Body } from "./session-rows.ts";
import type { Scope } from "./working-set.ts";

/** A draft that a late message changed takes the place of the one before it. */
export function heldReview(
  event: DomainEvent,
  { cdr, reasons }: Body<"cdrHeld">,
  scope: Scope,
  before: CdrReviewRow | undefined,
): CdrReviewRow {
  return {
    ...newReview(event, { cdrId: cdr.id, sessionId: cdr.sessionId }, scope),
    state: "held",
    reasons: JSON.stringify(reasons),
    document: JSON.stringify(cdr),
    held_at: before?.held_at ?? event.logTime,
  };
}

const states: Readonly<Record<CdrReviewAction, string>> = {
  release: "released",
  correct: "corrected",
  void: "voided",
};

export function decidedReview(
  event: DomainEvent,
  body: Body<"cdrReviewed">,
  scope: Scope,
  before: CdrReviewRow | undefined,
): CdrReviewRow {
  const row = before ?? newReview(event, body, scope);
  const { of, action, actor, why } = body;
  const decisions = [...(JSON.parse(row.decisions) as unknown[]), { of, action, actor, why, at: event.logTime }];
  return { ...row, state: states[action], decisions: JSON.stringify(decisions), last_updated: event.logTime };
}

function newReview(
  { party, station, logTime }: DomainEvent,
  { cdrId, sessionId }: { readonly cdrId: string; readonly sessionId: string },
  { tableSet, partition }: Scope,
): CdrReviewRow {
  const place = { table_set: tableSet, partition, party, station };
  const nothing = { state: "", reasons: "[]", document: null, decisions: "[]", held_at: null };
  return { ...place, id: cdrId, session_id: sessionId, ...nothing, last_updated: logTime };
}
