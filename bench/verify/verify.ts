// The ledger check (reliability.md): the fleet's journal against the log and the tables. Reads only, so it works beside
// a live wattlog and on the folder of a stopped one.
import { allGenerations } from "../../core/log/generations.ts";
import type { EventLog } from "../../core/log/log.ts";
import { compareWithRebuild, type Comparison } from "../../deploy/roles/compare.ts";
import type { Source } from "../../deploy/roles/source.ts";
import { CallCheck } from "./calls.ts";
import { CommandCheck } from "./commands.ts";
import { gatherJournal, type JournalFacts } from "./journal-facts.ts";
import { scanFrames } from "./log-facts.ts";
import { checkPositions, waitUntilQuiet, type StoreReader } from "./positions.ts";
import { Findings, type Check, type VerifyReport } from "./report.ts";
import { checkTransactions } from "./transactions.ts";

export interface VerifyOptions {
  readonly journalDir: string;
  readonly source: Source;
  /** Wait so long for the folds to become quiet; 0 where no process runs. */
  readonly settleSeconds?: number;
  /** The fleet's clock is not the log's: do not compare their times. */
  readonly clocksApart?: boolean;
  readonly onProgress?: (line: string) => void;
}

const defaultSettleSeconds = 30;

/**
 * @throws Error when the journal cannot be trusted; WattlogError `log/unavailable` | `store/unavailable` when there is
 * nothing to compare it with.
 */
export async function verify(options: VerifyOptions): Promise<VerifyReport> {
  const facts = await gatherJournal(options.journalDir);
  const log = await options.source.openLog();
  const store = await options.source.openStore();
  try {
    const checks = await verifyAgainst(facts, log, store, options, () => compareWithRebuild(options));
    return reportOf(facts, checks);
  } finally {
    await log.close();
    await store.close();
  }
}

export async function verifyAgainst(
  facts: JournalFacts,
  log: EventLog,
  store: StoreReader,
  options: Pick<VerifyOptions, "settleSeconds" | "clocksApart" | "onProgress">,
  compare: () => Promise<Comparison>,
): Promise<readonly Check[]> {
  options.onProgress?.("waiting until the folds are quiet");
  const quiet = await waitUntilQuiet(log, store, (options.settleSeconds ?? defaultSettleSeconds) * 1000);
  const frames = new Map(allGenerations(log).map((topics) => [topics.frames.name, topics.frames]));
  const parts = quiet.stands.flatMap(({ topic: name, partition, end }) => {
    const topic = frames.get(name);
    return topic ? [{ topic, partition, end }] : [];
  });
  const calls = new CallCheck(facts, { clocksApart: options.clocksApart ?? false });
  const commands = new CommandCheck(facts);
  options.onProgress?.("reading the log");
  const scan = await scanFrames(log, parts, facts.stations, (frame) => {
    calls.frame(frame);
    commands.frame(frame);
  });
  const [transactionLine, commandLine] = await store.snapshot(async (db) => [
    await checkTransactions(db, facts),
    await commands.finish(db),
  ]);
  options.onProgress?.("folding the log again");
  return [calls.finish(scan), checkPositions(quiet), transactionLine, checkRebuild(await compare()), commandLine];
}

export function checkRebuild(comparison: Comparison): Check {
  const findings = new Findings();
  findings.count("tables", comparison.tables.length);
  findings.count("chains", comparison.chains.checked);
  for (const problem of comparison.problems) findings.problem("differs", () => problem);
  return findings.check("L4", "the tables against a rebuild of them", comparison.rows);
}

export function reportOf(facts: JournalFacts, checks: readonly Check[]): VerifyReport {
  const { lines, stations, declared, ended, files } = facts;
  const ok = checks.length > 0 && checks.every((check) => check.ok);
  return { ok, journal: { lines, stations: stations.size, declared: [...declared], ended, files }, checks };
}
