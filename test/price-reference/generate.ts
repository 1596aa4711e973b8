import { randomSession } from "./generate-session.ts";
import { randomTariff } from "./generate-tariff.ts";
import type { Session, Tariff } from "./model.ts";
import { randomOf } from "./random.ts";

export interface Case {
  readonly tariff: Tariff;
  readonly session: Session;
  /** How many phases the currents are the sum of. */
  readonly phases: number;
}

/** The same seed and number give the same case on every machine with the same time zone database. */
export function generate(seed: number, number: number): Case {
  const random = randomOf(seed, number);
  const { session, phases } = randomSession(random);
  return { tariff: randomTariff(random, session), session, phases };
}
