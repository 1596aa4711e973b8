// The fault matrix: the rows that docs/correctness.md must have, and what the page says of each against the tests.
// `node test/house/fault-matrix.ts --final` also fails where a row is still open.
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { SERVER_FAULT_TESTS } from "../../tools/test-folders.ts";
import type { CheckResult } from "./checks.ts";
import { listSources, ROOT, type Source } from "./sources.ts";

/** The faults that the project set out to survive: none may go from the page. */
export const REQUIRED_ROWS = [
  "gateway kill -9 at random points, also between log receipt and answer",
  "gateway SIGSTOP 5-60 s",
  "broker kill -9 / leader change (3 brokers, RF 3, min.insync 2)",
  "one partition without enough replicas (needs three brokers: Kafka 4.4 acknowledges RF 1 with min.insync 2)",
  "broker SIGSTOP, gateway cut off from Kafka (both ways, one way)",
  "half-open charger link",
  "station that does not read",
  "reconnect storm (all stations at once)",
  "Redis killed, flushed, failed over with lost writes",
  "Postgres killed, paused, disk full",
  "duplicate delivery, offsets rewound, rebalance storm, zombie consumer",
  "poison frame at each stage",
  "clock ±1 h, DST, station clock at 1970",
  "partitions grown under load; failover to a mirrored cluster; log restored to an earlier hour",
  "log retention passed half of the topic",
  "rolling update under load (SIGTERM loop)",
] as const;

/** Rows that the page tells as open. A row leaves this list, and gets its state, with its test; none may join it. */
export const OPEN_ROWS: readonly string[] = [];

const onAnotherKafka =
  "its cluster ends on another Kafka, so that no other row can share it: two clusters and two fleets, minutes each";
const notSeenOften =
  "its quick form (test/faults/matrix.test.ts) is in the full run until it was seen to hold often enough";

/** Rows that are not in `npm test`, and why. None may join them without a reason as good. */
export const LONG_ONLY_ROWS: Readonly<Record<string, string>> = Object.fromEntries(
  REQUIRED_ROWS.filter((fault) => fault !== "log retention passed half of the topic").map((fault) => [
    fault,
    fault.startsWith("partitions grown") ? onAnotherKafka : notSeenOften,
  ]),
);

/** Where a row is run: with every commit, and with the long ones. */
const RUNS = ["npm test", "npm run full"] as const;
type Run = (typeof RUNS)[number];

export interface MatrixRow {
  readonly fault: string;
  readonly state: string;
}

/** The page's table: first column the fault, last where it is tested. */
export function matrixRows(page: string): MatrixRow[] {
  const lines = page.split("\n");
  const begin = lines.findIndex((line) => line.startsWith("| fault |"));
  if (begin === -1) return [];
  const table = lines.slice(begin + 2);
  const end = table.findIndex((line) => !line.startsWith("|"));
  return table.slice(0, end === -1 ? undefined : end).map((line) => {
    const cells = line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim());
    return { fault: cells[0] ?? "", state: (cells.at(-1) ?? "").replaceAll("`", "") };
  });
}

/** Titles of tests by the kind of run that they are in. */
function titlesOf(sources: readonly Source[]): Readonly<Record<Run, readonly string[]>> {
  const titles = (long: boolean): string[] =>
    sources
      .filter(({ path }) => path.startsWith("test/") && path.endsWith(".test.ts") && !path.startsWith("test/house/"))
      .filter(({ path }) => (SERVER_FAULT_TESTS as readonly string[]).includes(path) === long)
      .flatMap(({ text }) => [...text.matchAll(/\btest\(\s*"([^"]+)"/g)].map((match) => match[1]!));
  return { "npm test": titles(false), "npm run full": titles(true) };
}

export interface MatrixRules {
  readonly open?: readonly string[];
  readonly longOnly?: readonly string[];
  /** An open row is a problem. */
  readonly final?: boolean;
}

export function checkFaultMatrix(page: string, sources: readonly Source[], rules: MatrixRules = {}): CheckResult {
  const { open = OPEN_ROWS, longOnly = Object.keys(LONG_ONLY_ROWS), final = false } = rules;
  const rows = matrixRows(page);
  const titles = titlesOf(sources);
  const problems: string[] = [];
  for (const wanted of REQUIRED_ROWS)
    if (rows.filter(({ fault }) => fault === wanted).length !== 1)
      problems.push(`the page has no row, or two: ${wanted}`);
  for (const { fault, state } of rows) {
    if (state === "open") {
      if (!open.includes(fault)) problems.push(`open, and not known as such: ${fault}`);
      if (final) problems.push(`still open: ${fault}`);
      continue;
    }
    const runs: readonly Run[] = longOnly.includes(fault) ? ["npm run full"] : RUNS;
    if (state !== runs.join(", ")) problems.push(`a row's state is ${runs.join(", ")}, not ${state} (${fault})`);
    for (const run of runs)
      if (!titles[run].includes(fault)) problems.push(`no test of ${run} has this name: ${fault}`);
  }
  for (const fault of open) {
    if (!rows.some((row) => row.fault === fault && row.state === "open")) problems.push(`not open any more: ${fault}`);
  }
  return { checked: rows.length, problems };
}

export const readMatrixPage = (): string => readFileSync(join(ROOT, "docs/correctness.md"), "utf8");

if (import.meta.main) {
  const { checked, problems } = checkFaultMatrix(readMatrixPage(), listSources(["test"]), {
    final: process.argv.includes("--final"),
  });
  for (const problem of problems) console.log(problem);
  console.log(`fault matrix: ${checked} rows, ${problems.length} problems`);
  process.exitCode = checked > 0 && problems.length === 0 ? 0 : 1;
}
