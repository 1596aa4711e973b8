// A day's sessions against their CDRs and their meters: what differs, how much, and why. A difference that has no cause is a
// fault of wattlog's.
import type { Cdr } from "../../core/records/domain-event.ts";
import type { Store } from "../../core/store/store.ts";
import type { CdrRow, SessionRow } from "../../core/store/tables.ts";
import { LedgerTotals, type LedgerPeriod } from "./cdr-ledger.ts";
import { wattHours } from "./format.ts";

const rowsAtOnce = 400;
/** Sessions named for each cause. */
const namedSessions = 10;

/** Sentences for people; `unexplained` is what should never be. */
export const causes = {
  settling: "The CDR waits for what the station may still have queued.",
  held: "The party's rules doubt the CDR; it waits for a person.",
  suppressed: "By the party's rule a small session gets no CDR.",
  voided: "A person decided that there is no CDR.",
  credited: "The CDR was taken back by a credit CDR, without a new one.",
  corrected: "A person corrected the CDR's energy.",
  lateBelowThreshold: "A message after the CDR changed the energy by less than the party's threshold.",
  noRegister: "The station named no register at the start or at the end; readings were used.",
  stopBelowStart: "The register at the stop is below that at the start; the session's energy is 0.",
  duplicate: "The session has more than one CDR that stands.",
  unexplained: "Nothing says why.",
} as const;

export type Cause = keyof typeof causes;

/** What should never be. */
export const faults: readonly Cause[] = ["duplicate", "unexplained"];

interface Difference {
  sessions: number;
  energyMwh: number;
  readonly ids: string[];
}

/** Sessions less CDRs, or sessions less meters. */
class Differences {
  private readonly byCause = new Map<Cause, Difference>();

  add(cause: Cause, sessionId: string, energyMwh: number): void {
    const difference = this.byCause.get(cause) ?? { sessions: 0, energyMwh: 0, ids: [] };
    this.byCause.set(cause, difference);
    difference.sessions += 1;
    difference.energyMwh += energyMwh;
    if (difference.ids.length < namedSessions) difference.ids.push(sessionId);
  }

  faults(): number {
    return [...this.byCause].reduce((sum, [cause, { sessions }]) => sum + (faults.includes(cause) ? sessions : 0), 0);
  }

  shown() {
    return [...this.byCause]
      .toSorted(([a], [b]) => (a < b ? -1 : 1))
      .map(([cause, { sessions, energyMwh, ids }]) => ({
        cause,
        meaning: causes[cause],
        sessions,
        energyWh: wattHours(energyMwh),
        sessionIds: ids,
      }));
  }
}

export type Reconciliation = Awaited<ReturnType<typeof reconcile>>;

/**
 * @param period of the sessions' ends
 * @param signal gives up between two steps
 * @throws the signal's reason
 */
export async function reconcile(db: Store["reader"], period: LedgerPeriod, signal?: AbortSignal) {
  const [cdrs, meters] = [new Differences(), new Differences()];
  const totals = new LedgerTotals();
  const sum = { ended: 0, sessionMwh: 0, cdrMwh: 0, standing: 0, missing: 0, metered: 0, meterMwh: 0 };
  for await (const sessions of endedSessions(db, period)) {
    signal?.throwIfAborted();
    const issued = await cdrsOf(db, sessions);
    for (const session of sessions) {
      const own = issued.get(session.id) ?? [];
      for (const cdr of own) totals.add(cdr);
      const billed = billedOf(own);
      const metered = meterOf(session);
      sum.ended += 1;
      sum.sessionMwh += session.energy_mwh;
      sum.cdrMwh += billed.energyMwh;
      sum.standing += billed.standing.length;
      if (metered !== null) {
        sum.metered += 1;
        sum.meterMwh += metered;
      }
      const cause = causeOf(session, billed);
      if (cause === "unexplained" && billed.standing.length === 0) sum.missing += 1;
      if (cause) cdrs.add(cause, session.id, session.energy_mwh - billed.energyMwh);
      const odd = oddMeter(session, metered);
      if (odd) meters.add(odd, session.id, session.energy_mwh - (metered ?? 0));
    }
  }
  const { cdrs: _issued, credits, unpriced, totals: money } = totals.shown();
  return {
    sessions: { ended: sum.ended, energyWh: wattHours(sum.sessionMwh) },
    cdrs: {
      standing: sum.standing,
      missing: sum.missing,
      credits,
      unpriced,
      energyWh: wattHours(sum.cdrMwh),
      totals: money,
    },
    meters: { sessions: sum.metered, energyWh: wattHours(sum.meterMwh) },
    sessionsLessCdrs: cdrs.shown(),
    sessionsLessMeters: meters.shown(),
    unexplained: cdrs.faults() + meters.faults(),
  };
}

async function* endedSessions(
  db: Store["reader"],
  { party, from, to }: LedgerPeriod,
): AsyncGenerator<readonly SessionRow[]> {
  let last: SessionRow | undefined;
  for (;;) {
    const after = last;
    let query = db
      .selectFrom("live_session")
      .selectAll()
      .where("party", "=", party)
      .where("ended_at", ">=", after?.ended_at ?? from)
      .where("ended_at", "<", to);
    if (after) query = query.where((eb) => eb.or([eb("ended_at", ">", after.ended_at), eb("id", ">", after.id)]));
    const rows = await query.orderBy("ended_at").orderBy("id").limit(rowsAtOnce).execute();
    yield rows;
    if (rows.length < rowsAtOnce) return;
    last = rows.at(-1);
  }
}

async function cdrsOf(
  db: Store["reader"],
  sessions: readonly SessionRow[],
): Promise<ReadonlyMap<string, readonly CdrRow[]>> {
  if (sessions.length === 0) return new Map();
  const ids = sessions.map(({ id }) => id);
  const rows = await db.selectFrom("live_cdr").selectAll().where("session_id", "in", ids).execute();
  return Map.groupBy(rows, (row) => row.session_id);
}

interface Billed {
  /** CDRs that no credit CDR has taken back. */
  readonly standing: readonly CdrRow[];
  readonly energyMwh: number;
}

function billedOf(rows: readonly CdrRow[]): Billed {
  const credited = new Set(rows.map((row) => row.credits));
  const standing = rows.filter((row) => row.credits === null && !credited.has(row.id));
  return { standing, energyMwh: standing.reduce((sum, row) => sum + row.energy_mwh, 0) };
}

function causeOf(session: SessionRow, { standing, energyMwh }: Billed): Cause | undefined {
  const [cdr, ...more] = standing;
  if (more.length > 0) return "duplicate";
  if (!cdr) {
    const reason = session.cdr_reason;
    return reason !== null && Object.hasOwn(causes, reason) ? (reason as Cause) : "unexplained";
  }
  if (energyMwh === session.energy_mwh) return undefined;
  if ((JSON.parse(cdr.document) as Cdr).annotations.includes("correctedByReview")) return "corrected";
  return (JSON.parse(session.annotations) as string[]).includes("lateFrame") ? "lateBelowThreshold" : "unexplained";
}

/** null: it named only one register, or none. */
function meterOf({ meter_start_mwh, meter_stop_mwh }: SessionRow): number | null {
  return meter_start_mwh === null || meter_stop_mwh === null ? null : meter_stop_mwh - meter_start_mwh;
}

function oddMeter(session: SessionRow, metered: number | null): Cause | undefined {
  if (metered === null) return "noRegister";
  if (metered === session.energy_mwh) return undefined;
  return metered < 0 && session.energy_mwh === 0 ? "stopBelowStart" : "unexplained";
}
