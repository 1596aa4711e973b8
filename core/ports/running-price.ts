// What a session that goes on has cost so far: the api shows and sends it, and those who know the fold compute it.
import type { PartyId } from "../ids/ids.ts";
import type { CdrPeriod, Price } from "../records/domain-event.ts";

export interface PriceSoFar {
  /** Epoch ms: the last that its readings say. */
  readonly at: number;
  readonly energyMwh: number;
  /** In order; the last one goes on. Without a price too. */
  readonly periods: readonly CdrPeriod[];
  /** null: no tariff applies, or it cannot be applied. */
  readonly tariffId: string | null;
  readonly currency: string | null;
  readonly total: Price | null;
  /** The station is marked calibrated: its CDR goes by signed registers, and this by the others. */
  readonly isUnsigned: boolean;
}

export interface SessionAsked {
  readonly id: string;
  readonly station: string;
  /** Log time, epoch ms: what came later does not count, so that it agrees with a row of then. */
  readonly until: number;
}

export interface RunningPrices {
  /** @returns undefined: it has its CDR, or there is no such session. */
  soFar(party: PartyId, session: SessionAsked): Promise<PriceSoFar | undefined>;
}
