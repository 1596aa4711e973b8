// What came of the drill, kept as JSON, the page that is made of it, and what is wrong with it.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

import { projectRoot } from "../harness/paths.ts";
import { drillRows, notInjected } from "./drill-rows.ts";
import { factor } from "./quickened.ts";

export const resultsFile = "bench/results/fault-drill.json";
export const pageFile = "docs/fault-drill.md";

export interface DrilledAlert {
  readonly alert: string;
  readonly severity: string;
  /** From the beginning of the faults until it fired, s. */
  readonly after: number;
  /** From the end of the last fault until it fired no more, s; 0: before that; null: it did not go quiet. */
  readonly quiet: number | null;
}

export interface Drilled {
  readonly row: string;
  /** ISO 8601, a day. */
  readonly date: string;
  /** From the first fault to the end of the last one. */
  readonly seconds: number;
  /** The machine's load average when it was over. */
  readonly load?: number;
  readonly injections: readonly string[];
  readonly alerts: readonly DrilledAlert[];
  /** What the row itself demands and did not find. */
  readonly failures: readonly string[];
}

/** What was kept of the last drill; nothing before the first. */
export function readDrill(): readonly Drilled[] {
  const file = join(projectRoot, resultsFile);
  return existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Drilled[]) : [];
}

/** In the order of the drill; what it has no row for any more is left out. */
export function inOrder(all: readonly Drilled[]): readonly Drilled[] {
  return drillRows.flatMap(({ row }) => all.filter((drilled) => drilled.row === row.name));
}

/** What of a row's alerts was wanted and did not come, came unwanted, or stayed. */
export function problemsOf({ row: name, alerts, failures }: Drilled): readonly string[] {
  const wanted = drillRows.find(({ row }) => row.name === name);
  if (!wanted) return [`there is no row ${name}`];
  const fired = alerts.map(({ alert }) => alert);
  return [
    ...failures.map((failure) => `the row itself: ${failure}`),
    ...wanted.must.filter((alert) => !fired.includes(alert)).map((alert) => `${alert} did not fire`),
    ...fired
      .filter((alert) => !wanted.must.includes(alert) && !wanted.may.includes(alert))
      .map((alert) => `${alert} fired`),
    ...alerts.filter(({ quiet }) => quiet === null).map(({ alert }) => `${alert} did not go quiet`),
  ];
}

const head = `# Fault drill: which alert tells of which fault

Made by \`npm run drill -- --write\` from a real run; \`-- --row NAME\` repeats single rows. Each row of the fault matrix
([correctness.md](correctness.md)) was injected into a whole cluster under load on one machine of two processors (14 processes, three brokers among
them), while a real Prometheus scraped every process and evaluated the chart's rules, and was followed by the ledger check.

**Everything is ${factor} times as fast as in life**: Prometheus scrapes and evaluates every second (the chart's values: ${factor} s), and each
\`for\`, range and offset of a rule is divided by ${factor}, as are bounds that say how long something may wait (lags, pushes, archive); all other
bounds stay. Seconds below are the drill's own: *after* counts from the beginning of the row to the alert, *quiet* from the end of its last fault
until the alert fires no more (0: before that). *wanted* must fire; what else fires is what the machine's own slowness adds, most of all where its *load* average was
far above two (rows without one were drilled beside as much other work). Not looked at: WattlogGroupOffline and WattlogGroupFaulted, for the fleet of each earlier row is gone for good.

What must fire and what may is kept in \`test/monitoring/drill-rows.ts\`: the drill fails where that does not come, does not go quiet, or anything else fires. What to
do when an alert fires: [runbooks.md](runbooks.md).

| fault | alert | severity | wanted | after, s | quiet, s | drilled | load |
|---|---|---|---|---|---|---|---|
`;

function linesOf({ row: name, alerts, date, load }: Drilled): string[] {
  const of = `${date} | ${load ?? ""}`;
  const must = drillRows.find(({ row }) => row.name === name)?.must ?? [];
  if (alerts.length === 0) return [`| ${name} | none | | | | | ${of} |`];
  return alerts.map(({ alert, severity, after, quiet }, at) => {
    const link = `[${alert}](runbooks.md#${alert.toLowerCase()})`;
    const cells = [link, severity, must.includes(alert) ? "yes" : "", after, quiet ?? "not"].join(" | ");
    return at === 0 ? `| ${name} | ${cells} | ${of} |` : `| | ${cells} | | |`;
  });
}

export function drillPage(all: readonly Drilled[]): string {
  const rest = Object.keys(notInjected).map((name) => `| ${name} | not injected | | | | | | |`);
  const reasons = [...drillRows.map(({ row, why }) => [row.name, why]), ...Object.entries(notInjected)];
  const why = reasons.map(([name, reason]) => `- **${name}**: ${reason}`);
  return `${head}${[...all.flatMap(linesOf), ...rest].join("\n")}\n\n## Why these, and why no others\n\n${why.join("\n")}\n`;
}
