// `npm run price:reference -- …`: what can be asked for.
import { parseArgs } from "node:util";

export interface Options {
  readonly cases: number;
  readonly seed: number;
  /** The number of one case, to see it explained. */
  readonly replay: number | null;
}

export class WrongUse extends Error {}

export const usage = `npm run price:reference -- [--cases N] [--seed S] [--replay I]

  --cases N    random tariffs and sessions, at least 1000 (default 100000)
  --seed S     of all that is drawn (default: by chance, and printed)
  --replay I   case I of the seed, line by line
`;

/** @throws WrongUse with one sentence. */
export function readOptions(argv: readonly string[]): Options {
  const { cases = "100000", seed = String(Math.floor(Math.random() * 2 ** 31)), replay } = parse(argv);
  if (replay !== undefined && !argv.some((word) => word.startsWith("--seed"))) {
    throw new WrongUse("--replay needs the --seed of the run");
  }
  return {
    cases: wholeNumber("cases", cases, 1_000),
    seed: wholeNumber("seed", seed, 0),
    replay: replay === undefined ? null : wholeNumber("replay", replay, 0),
  };
}

function parse(argv: readonly string[]): {
  cases?: string | undefined;
  seed?: string | undefined;
  replay?: string | undefined;
} {
  const text = { type: "string" } as const;
  try {
    return parseArgs({ args: [...argv], options: { cases: text, seed: text, replay: text } }).values;
  } catch (error) {
    throw new WrongUse(error instanceof Error ? error.message : String(error));
  }
}

function wholeNumber(name: string, given: string, least: number): number {
  const value = Number(given);
  if (Number.isSafeInteger(value) && value >= least && given.trim() !== "") return value;
  throw new WrongUse(`--${name} wants a whole number from ${least}, not ${given}`);
}
