// One seed from its beginning to its verdict.
import { BatcherDrill } from "./batcher.ts";
import { determined } from "./determined.ts";
import type { Journal, Violation } from "./journal.ts";
import { Random } from "./random.ts";
import { checkCommands } from "./rules/commands.ts";
import { checkTransactions, eventsByStation } from "./rules/events.ts";
import { checkLog } from "./rules/log.ts";
import { checkOwners, checkProbes, checkReleased } from "./rules/ownership.ts";
import { checkRefold } from "./rules/store.ts";
import { Scheduler } from "./scheduler.ts";
import { Trace } from "./trace.ts";
import { World } from "./world.ts";

export interface Verdict {
  readonly seed: number;
  /** The first is what went wrong; later ones may follow from it. */
  readonly violations: readonly Violation[];
  /** Of everything that happened: the same for the same seed. */
  readonly digest: string;
  readonly steps: number;
  /** By rule, how often it was looked at. */
  readonly checks: ReadonlyMap<string, number>;
}

const calmMs = 90_000;
const quietMs = 14_000;
/** Past the last deadline, the last wait of a session for its CDR, the ticks for both, and two lease times of dead nodes. */
const laterMs = 45_000;

/** @param print given each event where somebody wants to read them. */
export async function simulate(seed: number, print?: (line: string) => void): Promise<Verdict> {
  const random = new Random(seed);
  const trace = new Trace(print);
  return determined(random, async (failures) => {
    const world = new World(random, trace);
    const { journal, scheduler } = world;
    try {
      await new BatcherDrill(new Scheduler(random, trace), journal).run();
      if (journal.violations.length === 0) await live(world);
    } catch (error) {
      journal.violations.push({
        rule: "no throw",
        sentence: error instanceof Error ? (error.stack ?? "") : String(error),
      });
    }
    for (const failure of failures) journal.violations.push({ rule: "no throw", sentence: failure });
    const { violations, checks } = journal;
    return { seed, violations, digest: trace.digest, steps: scheduler.steps, checks };
  });
}

async function live(world: World): Promise<void> {
  const { scheduler, journal } = world;
  const { random } = scheduler;
  const run = async (ms: number, isOver = () => false): Promise<boolean> =>
    scheduler.run(scheduler.now + ms, () => journal.violations.length > 0 || isOver());
  const isBroken = (): boolean => journal.violations.length > 0;

  const wildMs = random.between(8_000, 45_000);
  world.begin(wildMs, random.between(1_500, 12_000));
  await run(wildMs);
  if (isBroken()) return;

  world.heal();
  for (const station of world.stations) station.calmDown();
  await run(calmMs, () => world.stations.every(({ hasSaidAll, isSure }) => hasSaidAll && isSure));
  await run(quietMs);
  if (isBroken()) return;
  checkSaidAll(world, journal);
  checkOwners(journal, world, eventsByStation(journal, world.log));
  for (const station of world.stations) world.callers.probe(station);
  await run(quietMs, () => journal.asked.every(({ isProbe, answer }) => !isProbe || answer !== undefined));
  checkProbes(journal);
  if (isBroken()) return;

  for (const station of world.stations) station.temper = "gone";
  for (const gateway of world.gateways) void gateway.drain();
  await run(laterMs);
  checkReleased(journal, world.redis, world.stations);
  if (isBroken()) return;
  await checkEnd(world, journal);
}

function checkSaidAll(world: World, journal: Journal): void {
  for (const { id, hasSaidAll, isSure } of world.stations) {
    journal.check(
      "promise 2",
      hasSaidAll && isSure,
      () => `${id} was not answered in ${calmMs / 1000} s of quiet weather.`,
    );
  }
}

async function checkEnd(world: World, journal: Journal): Promise<void> {
  const events = eventsByStation(journal, world.log);
  checkLog(journal);
  checkTransactions(journal, events, world.transactions());
  checkCommands(journal, events);
  await checkRefold(journal, world, events);
}
