// What a run of tests amounts to, whatever ran them. Pure: tools/test.ts does the running.
import { missingAdapters, REQUIRED, type AdapterCount } from "./test-adapters.ts";

/** A test that did not run. Without a reason it is a mistake; a reason that begins with "needs " names a missing tool. */
export interface Skip {
  readonly name: string;
  readonly reason: string | null;
}

export interface Summary {
  readonly passed: number;
  readonly failed: number;
  readonly skipped: readonly Skip[];
  readonly adapters: readonly AdapterCount[];
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

/** The counts of the last closing line in a command's output, or null where it has none. */
export function parseClosingLine(output: string): { passed: number; failed: number; skipped: number } | null {
  for (const line of output.split("\n").toReversed()) {
    const match = CLOSING_LINE.exec(line.trim());
    if (match) return { passed: Number(match[1]), failed: Number(match[2]), skipped: Number(match[3] ?? 0) };
  }
  return null;
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
