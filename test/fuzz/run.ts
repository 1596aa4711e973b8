// One run: a wattlog as users start it, a fleet of good neighbours with a ledger of its own, the mutants, the broken
// handshakes; afterwards the log, the tables and the fleet's ledger are looked at.
import type { Summary } from "../../bench/fleet/report.ts";
import { runCommand } from "../harness/cli.ts";
import type { CommandView } from "../harness/rest.ts";
import { startFleet, type FleetRun } from "../harness/fleet.ts";
import { tempFolder } from "../harness/paths.ts";
import { lastAnswer, sleep } from "../harness/wait.ts";
import { startWattlog, type Running } from "../harness/wattlog.ts";
import { folderSource } from "../../deploy/roles/source.ts";
import { noCorpus, readCorpus, type CorpusFile } from "../quirks/corpus.ts";
import { tryHandshakes } from "./handshakes.ts";
import { Faults, type Sent } from "./ledger.ts";
import { checkLog, quarantineRows, type LogCheck } from "./log-check.ts";
import type { FuzzOptions } from "./options.ts";
import { RssWatch } from "./rss.ts";
import { cellsOf, checkCells, versions, type Cell, type Role, type Version } from "./seeds.ts";
import { answersPerCommand, sendAnswers, sendCalls, type StreamOptions } from "./streams.ts";
import { marksOf, Tally } from "./tally.ts";

export interface FuzzReport {
  readonly tally: Tally;
  readonly handshakes: ReadonlyMap<string, number>;
  readonly commands: number;
  readonly faults: Faults;
  readonly log: LogCheck;
  readonly rows: number;
  readonly neighbours: {
    readonly answered: number;
    readonly unanswered: number;
    readonly lost: number;
    readonly p99Ms: number;
    readonly commandsPending: number;
    readonly notAccepted: number;
    readonly discarded: number;
  };
  readonly rss: { readonly fromMb: number; readonly toMb: number; readonly peakMb: number; readonly samples: number };
  readonly verifyWords: string;
  readonly checks: readonly Check[];
}

export interface Check {
  readonly name: string;
  /** A sentence for each thing that a good run has and this one has not. */
  readonly problems: readonly string[];
}

/** Of each version. At 85 messages a second each, far more than one machine answers. */
export const callStations = 64;
const answerStations = 40;
const neighbours = 24;
/** Above the mark, so that a mutant too few of one action is a fault and no chance. */
const answerMargin = 1.2;
/**
 * From here on memory is looked at. Each thread has a heap, and V8 gives hardly anything back of what a heap once needed: after
 * some 100 000 mutants, and once the folds have caught up with them, they have their size, and what grows on behind that is
 * kept for ever.
 */
const warmShare = 0.5;
const progressMs = 5_000;
const answeredOutcomes: ReadonlySet<string> = new Set(["accepted", "rejected", "error"]);
/** CDRs settle after two seconds here. */
const settleMs = 2_500;
const quietMs = 120_000;
const restMs = 60_000;
/** Records between the folds and the log's end: some tenths of a second. */
const nearlyQuiet = 1_000;

/** @throws Error where the seeds cannot be made: nothing would be proven. */
export function seedCells(seed: number, corpus: readonly CorpusFile[] | undefined): readonly Cell[] {
  const cells = versions.flatMap((version) =>
    (["call", "answer"] as const).flatMap((role) => cellsOf(version, role, corpus ?? [], seed)),
  );
  checkCells(cells, corpus !== undefined);
  return cells;
}

export async function fuzz(options: FuzzOptions, say: (line: string) => void): Promise<FuzzReport> {
  const corpus = readCorpus();
  if (corpus === undefined) say(`${noCorpus}: every seed is drawn from the schemas`);
  const cells = seedCells(options.seed, corpus);
  using journal = tempFolder("fuzz-journal");
  await using running = await startWattlog();
  const fleet = await startNeighbours(running, journal.path, options.seed);
  using _ended = { [Symbol.dispose]: () => fleet.child.signal("SIGKILL") };
  const run = new Run(options, cells, running, say);
  await run.send();
  const source = folderSource(running.folder);
  run.tell("the log against the ledgers, while the folds catch up and the neighbours finish");
  const [log, summary] = await Promise.all([checkLog(source, run.ledgers, run.faults), run.endNeighbours(fleet)]);
  const rss = await run.memory(options.maxRssGrowthMb);
  await sleep(settleMs);
  run.tell("verify, with the rebuild of all tables");
  const [rows, verified] = await Promise.all([
    quarantineRows(source, run.ledgers),
    runCommand(["verify", "--journal", journal.path], {
      env: { WATTLOG_DATA_DIR: running.folder },
      timeoutMs: 900_000,
    }),
  ]);
  const open = await run.openCommands();
  const { answered, unanswered, lostConnections: lost, commandsPending, notAccepted, discarded } = summary;
  const found = { answered, unanswered, lost, p99Ms: summary.latencyMs.p99, commandsPending, notAccepted, discarded };
  const fine = summary.ok && unanswered === 0 && lost === 0 && answered > 0;
  const checks: readonly Check[] = [
    check("marks", run.tally.missed(marksOf(options.frames), run.tried)),
    check("frames", run.faults.count === 0 ? [] : [`${run.faults.count} faults`]),
    check("log", log.found > 0 ? [] : ["no frame was looked for"]),
    check("quarantine", rows === log.quarantined ? [] : [`${rows} rows for ${log.quarantined} records`]),
    check("neighbours", fine ? [] : [JSON.stringify(found)]),
    check("verify", verified.code === 0 ? [] : [`ended with ${verified.code}: ${verified.stdout}${verified.stderr}`]),
    check("commands", open === 0 ? [] : [`${open} without an outcome that their answers have`]),
    check("process", running.child.exit === undefined ? [] : [`ended: ${JSON.stringify(running.child.exit)}`]),
    check("memory", memoryProblems(rss, options.maxRssGrowthMb)),
  ];
  const { tally, handshakes, commands, faults } = run;
  return {
    tally,
    handshakes,
    commands,
    faults,
    log,
    rows,
    neighbours: found,
    rss,
    verifyWords: verified.stdout,
    checks,
  };
}

function check(name: string, problems: readonly string[]): Check {
  return { name, problems };
}

function memoryProblems(rss: FuzzReport["rss"], mostMb: number): string[] {
  if (rss.samples < 3 || rss.fromMb === 0 || rss.toMb === 0) return [`memory was not seen: ${JSON.stringify(rss)}`];
  const growth = rss.toMb - rss.fromMb;
  return growth <= mostMb
    ? []
    : [`memory grew by ${growth} MB, from ${rss.fromMb} to ${rss.toMb}; ${mostMb} are allowed`];
}

async function startNeighbours(running: Running, journal: string, seed: number): Promise<FleetRun> {
  const fleet = startFleet(running, {
    stations: neighbours,
    protocol: "mixed",
    seconds: 3_600,
    speed: 300,
    commands: 4,
    grace: 30,
    prefix: "GOOD",
    journal,
    seed,
  });
  await lastAnswer(
    async () => (await running.metrics()).get("ocpp_gateway_connections") ?? 0,
    (connections) => connections >= neighbours,
  );
  return fleet;
}

class Run {
  readonly tally: Tally;
  readonly faults = new Faults();
  readonly ledgers: Sent[] = [];
  handshakes: ReadonlyMap<string, number> = new Map();
  commands = 0;
  private readonly options: FuzzOptions;
  private readonly cells: readonly Cell[];
  private readonly running: Running;
  private readonly say: (line: string) => void;
  private readonly startedAt = performance.now();
  private rss: RssWatch;
  private warmMb = 0;

  constructor(options: FuzzOptions, cells: readonly Cell[], running: Running, say: (line: string) => void) {
    this.options = options;
    this.cells = cells;
    this.running = running;
    this.say = say;
    this.tally = new Tally(cells);
    this.rss = new RssWatch(running.pid);
  }

  get tried(): number {
    return [...this.handshakes.values()].reduce((sum, count) => sum + count, 0);
  }

  async send(): Promise<void> {
    const timer = setInterval(() => this.progress(), progressMs);
    try {
      const { frames, seed } = this.options;
      const { ocppUrl: url, rest } = this.running;
      const { faults } = this;
      const shaking = tryHandshakes({ url, seed, rest, faults, atOnce: 24 }, marksOf(frames).handshakes);
      // Awaited at the end; until then its failure is nobody's surprise.
      shaking.catch(() => undefined);
      await Promise.all(versions.flatMap((version) => this.version(version, 0, warmShare)));
      this.tell("half of it is sent; the folds catch up, so that memory is compared with memory at rest");
      await this.untilLag(nearlyQuiet);
      this.warmMb = this.rss.look();
      await Promise.all(versions.flatMap((version) => this.version(version, warmShare, 1)));
      this.handshakes = await shaking;
    } finally {
      clearInterval(timer);
      this.progress();
    }
  }

  /** @param from and `to`: shares of the whole. */
  private version(version: Version, from: number, to: number): Promise<void>[] {
    const answers = this.streamOf(version, "answer", answerStations);
    const perAction = Math.ceil(marksOf(this.options.frames).perAction * answerMargin);
    const commands = Math.ceil(perAction / answersPerCommand) * answers.cells.length;
    const calls = this.options.frames - commands * answersPerCommand;
    const part = (whole: number, share: number) => Math.floor(whole * share);
    this.commands += part(commands, to) - part(commands, from);
    return [
      sendCalls(this.streamOf(version, "call", callStations), part(calls, to), part(calls, from)),
      sendAnswers({ ...answers, rest: this.running.rest }, part(commands, to), part(commands, from)),
    ];
  }

  private streamOf(version: Version, role: Role, stations: number): StreamOptions {
    const { tally, faults, ledgers } = this;
    const cells = this.cells.filter((cell) => cell.version === version && cell.role === role);
    return { seed: this.options.seed, version, cells, url: this.running.ocppUrl, stations, tally, faults, ledgers };
  }

  /** Resolves once the folds stand at the end of everything that was said. */
  async endNeighbours(fleet: FleetRun): Promise<Summary> {
    // Their commands have keys, and those wait for the fold (rule C1): it must be near the end before the fleet ends.
    await this.untilLag(nearlyQuiet);
    fleet.child.signal("SIGTERM");
    const summary = await fleet.summary(60_000);
    await this.untilLag(0);
    return summary;
  }

  tell(what: string): void {
    this.say(`${this.seconds()} s  ${what}`);
  }

  /** At 0 the folds stand at the log's end: what they hold in memory then, they keep. */
  private async untilLag(most: number): Promise<void> {
    await lastAnswer(
      async () => (await this.running.metrics()).get("wattlog_consumer_lag_records") ?? Number.NaN,
      (lag) => lag <= most,
      { timeoutMs: quietMs },
    );
  }

  /** At rest: where the machine is busy the folds were further behind, and V8 collects what that took only once all is quiet. */
  async memory(mostMb: number): Promise<FuzzReport["rss"]> {
    const { rss } = this;
    const until = performance.now() + restMs;
    rss.look();
    while (rss.nowMb - this.warmMb > mostMb && performance.now() < until) {
      await sleep(1_000);
      rss.look();
    }
    rss[Symbol.dispose]();
    return { fromMb: this.warmMb, toMb: rss.nowMb, peakMb: rss.peakMb, samples: rss.samples };
  }

  /** Every command of the run was answered: none may be open, or be told as never answered. */
  async openCommands(): Promise<number> {
    let ended = 0;
    for (const version of versions) {
      for (let i = 0; i < answerStations; i++) {
        const path = `/commands?station=FUZZ-${version}-A${i}`;
        for (const { id, action, outcome } of await this.running.rest.all<CommandView>(path)) {
          if (answeredOutcomes.has(outcome ?? "")) ended++;
          else this.faults.add(path, `${action} ${id} was answered and has the outcome ${outcome}`);
        }
      }
    }
    return this.commands - ended;
  }

  private seconds(): string {
    return ((performance.now() - this.startedAt) / 1000).toFixed(0);
  }

  private progress(): void {
    const sent = versions.map((version) => `${version}: ${this.tally.of(version).sent}/${this.options.frames}`);
    const { nowMb } = this.rss;
    this.tell(`${sent.join("  ")}  RSS ${nowMb} MB  faults ${this.faults.count}`);
  }
}
