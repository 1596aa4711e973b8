// L3: each ended transaction has exactly one CDR or one recorded reason; its energy is that of the true meter.
import type { Kysely } from "kysely";

import type { CdrReviewAction } from "../../core/records/cdr-review.ts";
import type { Cdr } from "../../core/records/domain-event.ts";
import type { CdrRow, Schema, SessionRow } from "../../core/store/tables.ts";
import { isCut, type JournalFacts, type TxFacts } from "./journal-facts.ts";
import { Findings, type Check } from "./report.ts";

const mwhPerWh = 1000;

interface Cdrs {
  readonly bySession: ReadonlyMap<string, CdrRow[]>;
  /** Ids of those that somebody decided to correct. */
  readonly corrected: ReadonlySet<string>;
}

interface Tally {
  /** See `isCut`. */
  readonly cut: boolean;
  journalMwh: number;
  cdrMwh: number;
}

export async function checkTransactions(db: Kysely<Schema>, facts: JournalFacts): Promise<Check> {
  const findings = new Findings();
  const sessions = await sessionsOf(db, facts);
  const cdrs: Cdrs = { bySession: await cdrsOf(db, facts), corrected: await correctedOf(db) };
  const matched = new Set<string>();
  const tally: Tally = { cut: isCut(facts), journalMwh: 0, cdrMwh: 0 };
  let checked = 0;
  for (const tx of facts.transactions) {
    const found = [...tx.names].flatMap((name) => sessions.get(`${tx.station}|${name}`) ?? []);
    for (const session of found) matched.add(session.id);
    if (tx.end) checked++;
    checkOne(tx, found, cdrs, tally, findings);
  }
  checkNothingElse(facts, sessions, matched, cdrs, findings);
  if (tally.journalMwh !== tally.cdrMwh) {
    findings.problem(
      "sums",
      () => `The CDRs bill ${tally.cdrMwh / mwhPerWh} Wh, the meters say ${tally.journalMwh / mwhPerWh} Wh.`,
    );
  }
  findings.count("energyWh", tally.cdrMwh / mwhPerWh);
  if (checked === 0 && facts.declared.has("transactions")) {
    findings.problem("empty", () => "The journal declares transactions and holds none that ended: nothing was proven.");
  }
  return findings.check("L3", "transactions against sessions and CDRs", checked);
}

function checkOne(tx: TxFacts, found: readonly SessionRow[], cdrs: Cdrs, tally: Tally, findings: Findings): void {
  const { end } = tx;
  const name = `Transaction ${tx.tx} of ${tx.station}`;
  if (tx.names.size > 1)
    findings.problem("renamed", () => `${name} was given several ids: ${[...tx.names].join(", ")}.`);
  if (found.length > 1) findings.problem("sessions", () => `${name} has ${found.length} sessions.`);
  const [session] = found;
  const issued = found.flatMap((row) => cdrs.bySession.get(row.id) ?? []);
  // A credit CDR takes one back.
  const standing = issued.reduce((sum, cdr) => sum + (cdr.credits === null ? 1 : -1), 0);
  if (standing > 1 || standing < 0) findings.problem("cdrs", () => `${name} has ${standing} CDRs.`);
  if (!end) {
    findings.count("open");
    if (standing > 0 && !tally.cut) findings.problem("early", () => `${name} has a CDR and has not ended.`);
    return;
  }
  const isReviewed = isCorrectedByReview(issued, cdrs.corrected);
  const billedMwh = issued.reduce((sum, cdr) => sum + (cdr.credits === null ? cdr.energy_mwh : -cdr.energy_mwh), 0);
  const trueMwh = (end.meterStopWh - end.meterStartWh) * mwhPerWh;
  if (isReviewed) findings.count("correctedByReview");
  else {
    tally.cdrMwh += billedMwh;
    if (standing > 0) tally.journalMwh += trueMwh;
  }
  if (!end.answered) {
    findings.count("unanswered");
    return;
  }
  if (!session) return findings.problem("missing", () => `${name} ended and has no session.`);
  if (standing === 1) findings.count("billed");
  else if (session.cdr_reason !== null) findings.count(`reason_${session.cdr_reason}`);
  else
    findings.problem(
      "missing",
      () => `${name} ended and has neither a CDR nor a reason; its session is ${session.status}.`,
    );
  checkEnergy(name, session, isReviewed ? [] : issued, trueMwh, findings);
}

/**
 * What a person named as energy is a recorded reason for another one than the meter's; of the session and in the sums the meter
 * counts. The CDR's own word is not enough: the decision must be there, about it or the one that it replaces.
 */
function isCorrectedByReview(issued: readonly CdrRow[], corrected: ReadonlySet<string>): boolean {
  const last = issued.findLast((cdr) => cdr.credits === null);
  if (!last) return false;
  const { annotations, replaces } = JSON.parse(last.document) as Pick<Cdr, "annotations" | "replaces">;
  return annotations.includes("correctedByReview") && corrected.has(replaces ?? last.id);
}

function checkEnergy(
  name: string,
  session: SessionRow,
  issued: readonly CdrRow[],
  trueMwh: number,
  findings: Findings,
): void {
  const wrong = (what: string, mwh: number) =>
    findings.problem("energy", () => `${name}: ${what} says ${mwh / mwhPerWh} Wh, the meter ${trueMwh / mwhPerWh} Wh.`);
  // One that is held has not been folded to its end; its reason says so.
  if (session.status === "completed" && session.energy_mwh !== trueMwh) wrong("the session", session.energy_mwh);
  const last = issued.filter((cdr) => cdr.credits === null).at(-1);
  if (last && last.energy_mwh !== trueMwh) wrong("the CDR", last.energy_mwh);
  const { meter_start_mwh: start, meter_stop_mwh: stop } = session;
  if (start !== null && stop !== null && stop - start !== session.energy_mwh) wrong("stop - start", stop - start);
}

/** Sessions and CDRs of the fleet's stations that the journal knows nothing of, but for those of earlier runs. */
function checkNothingElse(
  facts: JournalFacts,
  sessions: ReadonlyMap<string, SessionRow[]>,
  matched: ReadonlySet<string>,
  cdrs: Cdrs,
  findings: Findings,
): void {
  // 1.6: a start whose answer never came has a session under a name that the station never heard.
  const nameless = new Map<string, number>();
  for (const tx of facts.transactions)
    if (tx.names.size === 0) nameless.set(tx.station, (nameless.get(tx.station) ?? 0) + 1);
  for (const session of [...sessions.values()].flat()) {
    if (matched.has(session.id) || session.last_updated < facts.startedAt) continue;
    const left = nameless.get(session.station) ?? 0;
    nameless.set(session.station, left - 1);
    if (left > 0) findings.count("nameless");
    else
      findings.problem(
        "unexpected",
        () => `Session ${session.id} of ${session.station} (transaction ${session.transaction_id}) was never begun.`,
      );
  }
  const known = new Set([...sessions.values()].flat().map((session) => session.id));
  for (const [sessionId, rows] of cdrs.bySession) {
    if (!known.has(sessionId))
      findings.problem("unexpected", () => `CDR ${rows[0]!.id} is of session ${sessionId}, which does not exist.`);
  }
}

async function sessionsOf(db: Kysely<Schema>, facts: JournalFacts): Promise<ReadonlyMap<string, SessionRow[]>> {
  const rows = await db.selectFrom("live_session").selectAll().execute();
  return grouped(
    rows.filter((row) => facts.stations.has(row.station)),
    (row) => `${row.station}|${row.transaction_id}`,
  );
}

async function cdrsOf(db: Kysely<Schema>, facts: JournalFacts): Promise<ReadonlyMap<string, CdrRow[]>> {
  const rows = await db.selectFrom("live_cdr").selectAll().orderBy("last_updated").execute();
  return grouped(
    rows.filter((row) => facts.stations.has(row.station)),
    (row) => row.session_id,
  );
}

async function correctedOf(db: Kysely<Schema>): Promise<ReadonlySet<string>> {
  const rows = await db.selectFrom("live_cdr_review").select(["id", "decisions"]).execute();
  const isCorrected = (decisions: string) =>
    (JSON.parse(decisions) as readonly { readonly action: CdrReviewAction }[]).some(
      ({ action }) => action === "correct",
    );
  return new Set(rows.flatMap(({ id, decisions }) => (isCorrected(decisions) ? [id] : [])));
}

function grouped<Row>(rows: readonly Row[], keyOf: (row: Row) => string): ReadonlyMap<string, Row[]> {
  return Map.groupBy(rows, keyOf);
}
