// What a run of tests amounts to, whatever ran them. Pure: tools/test.ts does the running.
import { missingAdapters, REQUIRED, type AdapterCount } from "./test-adapters.ts";

/** A test that did not run. Without a reason it is a mistake; a reason that begins with "needs " names a missing tool. */
export interface Skip {
  readonly name: string;
  readonly reason: string | null;
}

export interface Failure {
  readonly name: string;
  /** The first lines of its error. */
  readonly message: string;
}

export interface Summary {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly Skip[];
  readonly adapters: readonly AdapterCount[];
  readonly failures: readonly Failure[];
}

export interface FileSummary extends Summary {
  /** Relative to the project; null for errors that no file can be blamed for. */
  readonly file: string | null;
}

export interface Verdict {
  readonly counts: { readonly passed: number; readonly failed: number; readonly skipped: number };
  /** Sentences that say why the run is red although, maybe, no test failed. */
  readonly problems: readonly string[];
  readonly ok: boolean;
}

export const NEEDS = "needs ";

const CLOSING_LINE = /^(?:\w+: )?(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$/;

export function closingLine(counts: { passed: number; failed: number; skipped: number }): string {
  return `${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`;
}

export function sumOf(summaries: readonly Summary[]): Summary {
  return {
    passed: summaries.reduce((sum, { passed }) => sum + passed, 0),
    failed: summaries.reduce((sum, { failed }) => sum + failed, 0),
    skipped: summaries.flatMap(({ skipped }) => skipped),
    adapters: summaries.flatMap(({ adapters }) => adapters),
    failures: summaries.flatMap(({ failures }) => failures),
  };
}

/** So many files that failed are worth a second run: more is no accident. */
const mostUnsteadyFiles = 2;

/** The files that a second run is for, none where a second run could tell nothing (docs/decisions/0021). */
export function worthASecondRun(first: readonly FileSummary[]): readonly string[] {
  const failed = first.filter((summary) => summary.failed > 0).map(({ file }) => file);
  const named = failed.filter((file) => file !== null);
  return named.length === failed.length && named.length <= mostUnsteadyFiles ? named : [];
}

/** The first run with the files of the second in the place of theirs, and what failed in the first run alone. */
export function withSecondRun(
  first: readonly FileSummary[],
  second: readonly FileSummary[],
): { readonly files: readonly FileSummary[]; readonly unsteady: readonly Failure[] } {
  const again = new Map(second.map((summary) => [summary.file, summary]));
  const isSteady = ({ file }: FileSummary): boolean => (again.get(file)?.failed ?? 1) > 0;
  return {
    files: [...first.filter(({ file }) => !again.has(file)), ...second],
    unsteady: first.filter((summary) => !isSteady(summary)).flatMap(({ failures }) => failures),
  };
}

/** The counts of the last closing line in a command's output, or null where it has none. */
export function parseClosingLine(output: string): { passed: number; failed: number; skipped: number } | null {
  for (const line of output.split("\n").toReversed()) {
    const match = CLOSING_LINE.exec(line.trim());
    if (match) return { passed: Number(match[1]), failed: Number(match[2]), skipped: Number(match[3] ?? 0) };
  }
  return null;
}

const TELLING = /^(?:problem|fault|seed \d+): |^\S+\s+FAILED\b| differs from |^(?:\w*Error|error): /;
const TOLD_LINES = 8;
const TOLD_CHARS = 300;

/** What a suite's output says of why it failed: its first lines that begin as such sentences do; none: its last ones. */
export function reasonsIn(output: string): string {
  const lines = output.split("\n").map((line) => line.trim().slice(0, TOLD_CHARS));
  const told = [...new Set(lines.filter((line) => TELLING.test(line)))].slice(0, TOLD_LINES);
  return (told.length > 0 ? told : lines.filter((line) => line !== "").slice(-TOLD_LINES)).join("\n");
}

/**
 * Judges the summaries of all stages.
 * @param strict no skip may be due to a missing server or tool (CI=true), and what must run on an adapter has run there
 * @param filtered the run was narrowed by hand, so tests left out by the filter count as skipped without a reason
 */
export function judge(
  stages: readonly { readonly name: string; readonly summary: Summary }[],
  { strict, filtered, required = REQUIRED }: { strict: boolean; filtered: boolean; required?: typeof REQUIRED },
): Verdict {
  let passed = 0;
  let failed = 0;
  const skipped: Skip[] = [];
  const problems: string[] = [];
  for (const { name, summary } of stages) {
    passed += summary.passed;
    failed += summary.failed;
    skipped.push(...summary.skipped);
    const ran = summary.passed + summary.failed + summary.skipped.length;
    if (ran === 0 && !filtered) problems.push(`the stage ${name} ran no test`);
  }
  const missing = strict ? skipped.filter((s) => s.reason?.startsWith(NEEDS)) : [];
  const unexplained = filtered ? [] : skipped.filter((s) => s.reason === null);
  for (const skip of missing) problems.push(`skipped although CI=true: ${skip.name} (${skip.reason})`);
  for (const skip of unexplained) problems.push(`skipped without a reason: ${skip.name}`);
  const ran = stages.flatMap(({ summary }) => summary.adapters);
  const notRun = strict && !filtered ? missingAdapters(ran, required) : [];
  problems.push(...notRun);
  const turned = missing.length + unexplained.length;
  const counts = { passed, failed: failed + turned + notRun.length, skipped: skipped.length - turned };
  if (passed === 0) problems.push("no test passed");
  return { counts, problems, ok: counts.failed === 0 && problems.length === 0 };
}
