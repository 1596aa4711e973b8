// `npm run drill`: each row of the fault matrix is injected into a cluster that a real Prometheus watches, with the chart's rules
// made quicker; which alerts fire, after how long, and when they go quiet again is written to docs/fault-drill.md.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { projectRoot } from "../harness/paths.ts";
import { drillPage, inOrder, pageFile, problemsOf, readDrill, resultsFile, type Drilled } from "./drill-page.ts";
import { drillRows, type DrillRow } from "./drill-rows.ts";
import { DrillWorld } from "./drill-world.ts";

const usage = `npm run drill [-- --row NAME] [--write]

  --row NAME  only rows whose name holds this; may be given several times
  --write     keeps what came of it in ${resultsFile} and makes ${pageFile} of it
`;

function asked(): { readonly rows: readonly DrillRow[]; readonly write: boolean } | undefined {
  const options = {
    row: { type: "string", multiple: true },
    write: { type: "boolean" },
    help: { type: "boolean" },
  } as const;
  const { values } = parseArgs({ options });
  const { row: wanted = [""] } = values;
  const rows = drillRows.filter(({ row }) => wanted.some((words) => row.name.includes(words)));
  if (values.help || rows.length === 0) return undefined;
  return { rows, write: values.write === true };
}

/** @returns whether it is as wanted. */
function tell(drilled: Drilled): boolean {
  const { row, alerts, seconds } = drilled;
  console.log(`${row} (${seconds} s)`);
  for (const { alert, severity, after, quiet } of alerts) {
    const end = quiet === null ? "never quiet" : `quiet ${quiet} s after healing`;
    console.log(`    ${severity.padEnd(7)} ${alert.padEnd(30)} fired after ${after} s, ${end}`);
  }
  if (alerts.length === 0) console.log("    no alert");
  const problems = problemsOf(drilled);
  for (const problem of problems) console.log(`    PROBLEM ${problem}`);
  return problems.length === 0;
}

/** After each row: a drill that is ended early has kept what it saw. */
function keep(drilled: Drilled): void {
  const others = readDrill().filter(({ row }) => row !== drilled.row);
  const all = inOrder([...others, drilled]);
  writeFileSync(join(projectRoot, resultsFile), `${JSON.stringify(all, null, 2)}\n`);
  writeFileSync(join(projectRoot, pageFile), drillPage(all));
}

async function main(): Promise<number> {
  const drill = asked();
  if (!drill) {
    process.stderr.write(usage);
    return 2;
  }
  await using world = await DrillWorld.start();
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => void world[Symbol.asyncDispose]().finally(() => process.exit(1)));
  let bad = 0;
  for (const row of drill.rows) {
    const drilled = await world.run(row);
    if (!tell(drilled)) bad++;
    if (drill.write) keep(drilled);
  }
  console.log(`${drill.rows.length - bad} as wanted, ${bad} not`);
  return bad === 0 ? 0 : 1;
}

// The keeper of the servers goes when nobody holds it.
if (import.meta.main) process.exit(await main());
