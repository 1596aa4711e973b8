// Many cases in a row: what they reached, and where the two computations disagreed.
import { type Disagreement, disagreement, type Engine, type Priced } from "./compare.ts";
import { FEATURES, featuresOf } from "./features.ts";
import { type Case, generate } from "./generate.ts";
import { explain } from "./reference.ts";
import { shrink } from "./shrink.ts";

/** A feature that fewer cases reach is not tested by them. */
const FEWEST_SHARE = 0.01;
/** Shrinking one takes as long as many cases, and one fault shows in many of them. */
const MOST_SHRUNK = 5;
/** An engine that disagrees this often is wrong altogether. */
const MOST_FOUND = 50;

export interface Found extends Disagreement {
  /** Of the case, for `--replay`. */
  readonly number: number;
  /** As small as it gets; null where enough others have been shrunk. */
  readonly smallest: (Priced & Disagreement) | null;
}

export interface Outcome {
  /** Fewer than asked for where too many disagreed. */
  readonly done: number;
  readonly found: readonly Found[];
  /** How many cases reached each feature. */
  readonly reached: ReadonlyMap<string, number>;
  /** Features that fewer than 1 % of the cases reached. */
  readonly missed: readonly string[];
}

/**
 * @param mostFound ends the campaign early; what was reached by then is not judged
 * @param progress called after each case
 */
export function campaign(
  engine: Engine,
  { cases, seed, mostFound = MOST_FOUND }: { cases: number; seed: number; mostFound?: number },
  progress: (done: number) => void = () => undefined,
): Outcome {
  const found: Found[] = [];
  const reached = new Map<string, number>(FEATURES.map((feature) => [feature, 0]));
  let number = 0;
  for (; number < cases && found.length < mostFound; number++) {
    const made = generate(seed, number);
    const explained = explain(made.tariff, made.session);
    const difference = disagreement(engine, made, explained.total);
    if (difference) {
      found.push({ ...difference, number, smallest: found.length < MOST_SHRUNK ? smallest(engine, made) : null });
    }
    for (const feature of featuresOf(made, explained)) {
      reached.set(feature, (reached.get(feature) ?? 0) + 1);
    }
    progress(number + 1);
  }
  const missed = [...reached].filter(([, count]) => count < cases * FEWEST_SHARE).map(([feature]) => feature);
  return { done: number, found, reached, missed: found.length < mostFound ? missed : [] };
}

/** Shrinks a case on which the engine disagrees, keeping its kind: an error stays an error, an amount an amount. */
export function smallest(engine: Engine, { tariff, session }: Case | Priced): Priced & Disagreement {
  const found = disagreement(engine, { tariff, session });
  if (!found) throw new RangeError("no disagreement to shrink");
  const isError = "error" in found.engine;
  const small = shrink({ tariff, session }, (smaller) => {
    const still = disagreement(engine, smaller);
    return still !== null && "error" in still.engine === isError;
  });
  return { ...small, ...(disagreement(engine, small) ?? found) };
}
