// `npm run fuzz -- …`: what can be asked for, checked before anything starts.
import { parseArgs } from "node:util";

export interface FuzzOptions {
  /** Mutants of each version. */
  readonly frames: number;
  readonly seed: number;
  readonly maxRssGrowthMb: number;
  /** `1.6/call/17`, `2.0.1/answer/5` or `handshake/3`: that one again, alone but for what its station sent before. */
  readonly replay: string | undefined;
}

export class WrongUse extends Error {}

export const usage = `npm run fuzz -- [--frames N] [--seed S] [--max-rss-growth 200MB] [--replay REF]

  --frames N            mutants of each version, at least 4000 (default 200000)
  --seed S              of everything that is drawn (default: by chance, and printed)
  --max-rss-growth MB   of the process, from the first half of the run to its end (default 200MB)
  --replay REF          a mutant or handshake that failed, with what its station sent just before; needs --seed
`;

const fewestFrames = 4_000;
const mostFrames = 20_000_000;
const reference = /^(?:(?:1\.6|2\.0\.1)\/(?:call|answer)|handshake)\/\d+$/;

/** @throws WrongUse with one sentence. */
export function readOptions(argv: readonly string[]): FuzzOptions {
  const values = parse(argv);
  const replay = values.replay;
  if (replay !== undefined && !reference.test(replay))
    throw new WrongUse(`--replay wants 1.6/call/17 or the like, not ${replay}`);
  if (replay !== undefined && values.seed === undefined) throw new WrongUse("--replay needs the --seed of the run");
  const mb = /^(\d+)MB$/.exec(values["max-rss-growth"] ?? "200MB")?.[1];
  if (mb === undefined) throw new WrongUse("--max-rss-growth wants megabytes, such as 200MB");
  return {
    frames: wholeNumber("frames", values.frames ?? "200000", fewestFrames, mostFrames),
    seed: wholeNumber("seed", values.seed ?? String(Math.floor(Math.random() * 2 ** 31)), 0, 2 ** 31),
    maxRssGrowthMb: Number(mb),
    replay,
  };
}

function parse(argv: readonly string[]) {
  const text = { type: "string" } as const;
  try {
    const options = { frames: text, seed: text, "max-rss-growth": text, replay: text };
    return parseArgs({ args: [...argv], options }).values;
  } catch (error) {
    throw new WrongUse(error instanceof Error ? error.message : String(error));
  }
}

function wholeNumber(name: string, given: string, least: number, most: number): number {
  const value = Number(given);
  if (Number.isInteger(value) && value >= least && value <= most && given.trim() !== "") return value;
  throw new WrongUse(`--${name} wants a whole number from ${least} to ${most}, not ${given}`);
}
