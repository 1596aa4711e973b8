// A vitest reporter that writes what tools/test.ts needs to count: vitest's own exit code is 0 when nothing ran.
import { writeFileSync } from "node:fs";
import type { Reporter, TestCase, TestModule } from "vitest/node";
import { countAdapters, placesOf, type AdapterCount } from "./test-adapters.ts";
import type { Skip, Summary } from "./test-summary.ts";

/** Names the file that the summary goes to. Unset where vitest is run by hand. */
export const SUMMARY_FILE_VARIABLE = "TEST_SUMMARY_FILE";

export function summaryReporters(): Reporter[] {
  const file = process.env[SUMMARY_FILE_VARIABLE];
  return file === undefined ? [] : [{ onTestRunEnd: (modules, errors) => writeSummary(file, modules, errors.length) }];
}

function writeSummary(file: string, modules: readonly TestModule[], unhandledErrors: number): void {
  let passed = 0;
  let failed = unhandledErrors;
  const skipped: Skip[] = [];
  const adapters: AdapterCount[] = [];
  for (const module of modules) {
    // A file or a describe block that throws while it is collected has no failed test of its own.
    failed += module.errors().length;
    for (const suite of module.children.allSuites()) failed += suite.errors().length;
    for (const test of module.children.allTests()) {
      const result = test.result();
      const state = result.state === "pending" ? "failed" : result.state;
      for (const place of placesOf(titlesOf(test), test.meta().adapters ?? [], module.relativeModuleId)) {
        adapters.push({ ...place, passed: 0, failed: 0, skipped: 0, [state]: 1 });
      }
      if (result.state === "passed") passed++;
      else if (result.state === "skipped") {
        const name = `${module.relativeModuleId} > ${test.fullName}`;
        skipped.push({ name, reason: result.note ?? null });
      } else failed++;
    }
  }
  const summary: Summary = { passed, failed, skipped, adapters: countAdapters(adapters) };
  writeFileSync(file, JSON.stringify(summary));
}

/** From the outermost describe to the test itself. */
function titlesOf(test: TestCase): string[] {
  const titles = [test.name];
  for (let parent = test.parent; parent.type === "suite"; parent = parent.parent) titles.unshift(parent.name);
  return titles;
}
