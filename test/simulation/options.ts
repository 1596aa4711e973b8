// `npm run simulate:seeds -- …`: what can be asked for, checked before anything starts.
import { availableParallelism } from "node:os";
import { parseArgs } from "node:util";

export interface Options {
  readonly first: number;
  readonly seeds: number;
  readonly workers: number;
  /** Every event and record, for one seed. */
  readonly trace: boolean;
  /** No further seed after the first that fails. */
  readonly stop: boolean;
}

export class WrongUse extends Error {}

export const usage = `npm run simulate:seeds -- [--seeds N] [--from S] [--workers W] [--stop] | --seed S [--trace]

  --seeds N     how many (default 5000)
  --from S      the first of them (default 1)
  --workers W   threads (default: one for each processor)
  --stop        no further seed after the first that fails
  --seed S      this one alone; with --trace every event and record of it
`;

const mostSeeds = 10_000_000;
const defaultSeeds = 5_000;

/** @throws WrongUse with one sentence. */
export function readOptions(argv: readonly string[]): Options {
  const text = { type: "string" } as const;
  const flag = { type: "boolean" } as const;
  const options = { seeds: text, from: text, workers: text, seed: text, trace: flag, stop: flag };
  let values;
  try {
    ({ values } = parseArgs({ args: [...argv], options }));
  } catch (error) {
    throw new WrongUse(error instanceof Error ? error.message : String(error), { cause: error });
  }
  const { seed, trace = false, stop = false } = values;
  if (trace && seed === undefined) throw new WrongUse("--trace is for one seed: give it by --seed");
  if (seed !== undefined) return { first: whole("seed", seed, 0), seeds: 1, workers: 1, trace, stop };
  return {
    first: whole("from", values.from ?? "1", 0),
    seeds: whole("seeds", values.seeds ?? String(defaultSeeds), 1),
    workers: whole("workers", values.workers ?? String(availableParallelism()), 1),
    trace,
    stop,
  };
}

function whole(name: string, given: string, least: number): number {
  const value = Number(given);
  if (Number.isInteger(value) && value >= least && value <= mostSeeds && given.trim() !== "") return value;
  throw new WrongUse(`--${name} wants a whole number from ${least} to ${mostSeeds}, not ${given}`);
}
