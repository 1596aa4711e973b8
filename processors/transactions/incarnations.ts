// Rule I5: (station, transactionId) names the newest incarnation. Finding it, and what happens to those that can get no
// message any more.
import { limits } from "../../core/config/limits.ts";
import type { SessionId } from "../../core/ids/ids.ts";
import type { Reading } from "../../core/records/domain-event.ts";
import { nothingSigned, type SignedReceived } from "../calibration/signed-readings.ts";
import { settle, settleNow } from "../cdrs/settle.ts";
import type { FoldContext } from "../engine/station-fold.ts";
import type { PassedOver } from "../fold-trace.ts";
import type { SessionAnnotation } from "./annotations.ts";
import { addToSession, endSession, replaced, type Exchange } from "./sessions.ts";
import type { SettledTransaction, StartIdentity, Transaction, TransactionsState } from "./transaction.ts";

/** One of the two is there. */
export interface Incarnation {
  readonly active: Transaction | undefined;
  readonly settled: SettledTransaction | undefined;
  readonly ended: boolean;
  readonly start: StartIdentity | null;
  readonly stop: number | null;
  readonly recent: readonly number[];
}

export function incarnationOf(active: Transaction): Incarnation {
  const { start, stop, recent, endedAt } = active;
  return { active, settled: undefined, ended: endedAt !== null, start, stop, recent };
}

export function settledIncarnation(settled: SettledTransaction): Incarnation {
  const { start, stop, recent } = settled;
  return { active: undefined, settled, ended: true, start, stop, recent };
}

export function sessionOf({ active, settled }: Incarnation): SessionId | undefined {
  return active?.sessionId ?? settled?.sessionId;
}

/** A repeat: counted, and told to whoever wants to know why it changes nothing. */
export function passOver(known: Incarnation, word: PassedOver, context: FoldContext): void {
  context.ask({ kind: "tolerated", word });
  context.trace?.passedOver(sessionOf(known), word);
}

export function newestOf(state: TransactionsState, id: string): Incarnation | undefined {
  // An active one is newer than any settled one of the same id: a new incarnation ends its predecessor.
  const active = state.active.findLast((t) => t.id === id);
  if (active) return incarnationOf(active);
  const settled = state.settled.findLast((t) => t.id === id);
  return settled && settledIncarnation(settled);
}

export type StartVerdict = "repeat" | "ambiguous" | "late" | "reused";

/** Rule I5: what a start is to the newest incarnation of its id. */
export function judgeStart(state: TransactionsState, known: Incarnation, start: StartIdentity): StartVerdict {
  const before = known.start;
  if (!before) return "late";
  if (before.digest !== start.digest) return "reused";
  if (!known.ended) return "repeat";
  const standsStill = [...state.active, ...state.settled].some(
    (t) => t.start?.clock === start.clock && t.start.meterStart !== start.meterStart,
  );
  if (start.trusted && !standsStill) return "repeat";
  return before.frame === start.frame && before.boots === start.boots ? "ambiguous" : "reused";
}

/** What a message brings that changes nothing about what is sold. */
export interface Late {
  readonly readings?: readonly Reading[];
  readonly signed?: SignedReceived;
  /** Of the message, to know its repeat. */
  readonly digest?: number;
}

/** A message that changes nothing about what is sold, but that somebody may want to see beside the session. */
export function toldLate(
  state: TransactionsState,
  known: Incarnation,
  context: FoldContext,
  { readings = [], signed = nothingSigned, digest }: Late,
  word: SessionAnnotation,
): TransactionsState {
  if (known.active) {
    return replaced(state, known.active, addToSession(known.active, context, { readings, signed, words: [word] }));
  }
  const settled = known.settled;
  const kept = [...readings, ...signed.readings];
  if (!settled || (settled.lateTold && kept.length === 0)) return state;
  context.emit({
    kind: "sessionUpdated",
    sessionId: settled.sessionId,
    energyMwh: settled.energyMwh,
    state: null,
    idToken: null,
    readings,
    annotations: settled.lateTold ? signed.words : [word, ...signed.words],
  });
  if (kept.length > 0) context.keep(settled.sessionId, kept);
  const recent =
    digest === undefined ? settled.recent : [...settled.recent, digest].slice(-limits.settledMessagesRemembered);
  const after = { ...settled, lateTold: true, recent };
  return { ...state, settled: state.settled.map((t) => (t === settled ? after : t)) };
}

/**
 * Before a session opens: its open predecessor of the same id can get no end any more, and a station that never ends its
 * transactions must not grow without bound. Both end now, with a word that says so.
 */
export function withRoom(
  state: TransactionsState,
  predecessor: Incarnation | undefined,
  record: Exchange,
  context: FoldContext,
): TransactionsState {
  let after = state;
  if (predecessor?.active && !predecessor.ended)
    after = ended(after, predecessor.active, "supersededByReusedId", record, context);
  const open = after.active.filter((t) => t.endedAt === null);
  if (open.length >= limits.stationOpenTransactions) {
    const oldest = open.reduce((a, b) => (b.touchedAt < a.touchedAt ? b : a));
    after = ended(after, oldest, "abandoned", record, context);
  }
  // A station that unloads a long queue: what has waited longest gets its CDR early.
  const waiting = after.active.filter((t) => t.endedAt !== null);
  if (waiting.length < limits.stationEndedTransactions) return after;
  const first = waiting.reduce((a, b) => ((b.settleAt ?? 0) < (a.settleAt ?? 0) ? b : a));
  return settleNow(after, first, record, context);
}

/**
 * A start at a connector where another transaction is still open: its end is lost, or comes late (quirk 17). It stays open,
 * for a queued end is worth more than a guess.
 */
export function overtaken(state: TransactionsState, evseId: number, context: FoldContext): TransactionsState {
  if (evseId === 0) return state;
  let after = state;
  for (const t of state.active) {
    if (t.endedAt !== null || t.evseId !== evseId || t.annotations.includes("overtaken")) continue;
    after = replaced(after, t, addToSession(t, context, { words: ["overtaken"] }));
  }
  return after;
}

function ended(
  state: TransactionsState,
  t: Transaction,
  word: SessionAnnotation,
  record: Exchange,
  context: FoldContext,
): TransactionsState {
  // Nothing from the station ended it: the last sign of it is the best end that is known.
  const at = Math.max(t.startedAt, t.touchedAt);
  const time = { at, trusted: true, own: null, ahead: false };
  const after = endSession(t, context, { time, boots: null, reason: null, stop: null, words: [word] });
  return settle(replaced(state, t, after), after, record, context);
}
