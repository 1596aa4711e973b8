// The reports of the last whole day and of today so far, over all parties, as numbers for alerts: what no event says, such as a row
// that somebody changed or a CDR that is gone, is seen in them alone.
import type { Clock } from "../../core/runtime/clock.ts";
import type { Logger } from "../../core/runtime/logger.ts";
import type { Metrics } from "../../core/runtime/metrics.ts";
import { Rounds } from "../../core/runtime/rounds.ts";
import type { Store } from "../../core/store/store.ts";
import { faults, reconcile, type Reconciliation } from "./reconciliation.ts";

const everyMs = 60_000;
/** It takes no more than this share of the time, however many sessions a day has. */
const restPerWork = 20;
const dayMs = 24 * 3_600_000;

export interface ReconciliationNeeds {
  readonly store: Pick<Store, "reader">;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
}

interface Sums {
  withoutCdr: number;
  unexplained: number;
  /** Wh by what the sessions are held against, then by cause. */
  readonly differences: Readonly<Record<"cdrs" | "meters", Map<string, number>>>;
}

export class ReconciliationGauges {
  private readonly needs: ReconciliationNeeds;
  private readonly rounds: Rounds;
  private readonly ending = new AbortController();
  private notBefore = -Infinity;

  constructor(needs: ReconciliationNeeds) {
    this.needs = needs;
    this.rounds = new Rounds(needs.clock, everyMs, () => this.round());
  }

  start(): void {
    this.rounds.start(0);
  }

  /** Another process may tell it now. What is under way gives up; nobody waits for it. */
  forget(): void {
    this.ending.abort();
    void this.rounds.stop();
    this.reset();
  }

  async measure(): Promise<void> {
    const { store, clock } = this.needs;
    const today = Math.floor(clock.now() / dayMs) * dayMs;
    const parties = await store.reader.selectFrom("live_station").select("party").distinct().execute();
    const [last, now] = [emptySums(), emptySums()];
    for (const { party } of parties) {
      const of = (from: number) => reconcile(store.reader, { party, from, to: from + dayMs }, this.ending.signal);
      addTo(last, await of(today - dayMs));
      addTo(now, await of(today));
    }
    if (this.ending.signal.aborted) return;
    this.reset();
    this.tell("last", last);
    this.tell("today", now);
  }

  private async round(): Promise<void> {
    const { clock, logger } = this.needs;
    const began = clock.monotonic();
    if (began < this.notBefore) return;
    try {
      await this.measure();
    } catch (error) {
      if (!this.ending.signal.aborted) logger.warn({ err: error }, "could not reconcile the day for the metrics");
    }
    this.notBefore = clock.monotonic() + restPerWork * (clock.monotonic() - began);
  }

  private tell(day: "last" | "today", { withoutCdr, unexplained, differences }: Sums): void {
    const { metrics } = this.needs;
    metrics.reconciledWithoutCdr.set({ day }, withoutCdr);
    metrics.reconciledUnexplained.set({ day }, unexplained);
    for (const [against, byCause] of Object.entries(differences)) {
      for (const [cause, wattHours] of byCause) metrics.reconciledDifference.set({ day, against, cause }, wattHours);
    }
  }

  private reset(): void {
    const { reconciledWithoutCdr, reconciledUnexplained, reconciledDifference } = this.needs.metrics;
    for (const gauge of [reconciledWithoutCdr, reconciledUnexplained, reconciledDifference]) gauge.reset();
  }
}

/** What should never be is told where it is not, too. */
function emptySums(): Sums {
  const none = () => new Map<string, number>(faults.map((cause) => [cause, 0]));
  return { withoutCdr: 0, unexplained: 0, differences: { cdrs: none(), meters: none() } };
}

function addTo(sums: Sums, { cdrs, unexplained, sessionsLessCdrs, sessionsLessMeters }: Reconciliation): void {
  sums.withoutCdr += cdrs.missing;
  sums.unexplained += unexplained;
  for (const [against, found] of [
    ["cdrs", sessionsLessCdrs],
    ["meters", sessionsLessMeters],
  ] as const) {
    const byCause = sums.differences[against];
    for (const { cause, energyWh } of found) byCause.set(cause, (byCause.get(cause) ?? 0) + energyWh);
  }
}
