// A vitest reporter that writes what tools/test.ts needs to count: vitest's own exit code is 0 when nothing ran.
import { writeFileSync } from "node:fs";
import type { Reporter, TestCase, TestModule } from "vitest/node";
import { countAdapters, placesOf, type AdapterCount } from "./test-adapters.ts";
import type { Failure, FileSummary, Skip } from "./test-summary.ts";

/** Names the file that the summaries go to, one a test file. Unset where vitest is run by hand. */
export const SUMMARY_FILE_VARIABLE = "TEST_SUMMARY_FILE";

/** Enough of an error to know what was found. */
const messageLength = 600;

export function summaryReporters(): Reporter[] {
  const file = process.env[SUMMARY_FILE_VARIABLE];
  return file === undefined ? [] : [{ onTestRunEnd: (modules, errors) => writeSummary(file, modules, errors) }];
}

interface ReportedError {
  readonly message: string;
}

function writeSummary(file: string, modules: readonly TestModule[], unhandled: readonly ReportedError[]): void {
  const summaries = modules.map(summaryOf);
  const failures = unhandled.map((error) => failure("outside every test", [error]));
  if (failures.length > 0) {
    summaries.push({ file: null, passed: 0, failed: failures.length, skipped: [], adapters: [], failures });
  }
  writeFileSync(file, JSON.stringify(summaries));
}

function summaryOf(module: TestModule): FileSummary {
  const file = module.relativeModuleId;
  // A file or a describe block that throws while it is collected has no failed test of its own.
  const failures = module.errors().map((error) => failure(file, [error]));
  for (const suite of module.children.allSuites()) {
    failures.push(...suite.errors().map((error) => failure(`${file} > ${suite.fullName}`, [error])));
  }
  let passed = 0;
  const skipped: Skip[] = [];
  const adapters: AdapterCount[] = [];
  for (const test of module.children.allTests()) {
    const result = test.result();
    const name = `${file} > ${test.fullName}`;
    const state = result.state === "pending" ? "failed" : result.state;
    for (const place of placesOf(titlesOf(test), test.meta().adapters ?? [], file)) {
      adapters.push({ ...place, passed: 0, failed: 0, skipped: 0, [state]: 1 });
    }
    if (result.state === "passed") passed++;
    else if (result.state === "skipped") skipped.push({ name, reason: result.note ?? null });
    else failures.push(failure(name, result.errors ?? []));
  }
  return { file, passed, failed: failures.length, skipped, adapters: countAdapters(adapters), failures };
}

function failure(name: string, errors: readonly ReportedError[]): Failure {
  const message = errors.map((error) => error.message).join("\n");
  return { name, message: message.slice(0, messageLength) };
}

/** From the outermost describe to the test itself. */
function titlesOf(test: TestCase): string[] {
  const titles = [test.name];
  for (let parent = test.parent; parent.type === "suite"; parent = parent.parent) titles.unshift(parent.name);
  return titles;
}
