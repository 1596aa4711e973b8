// `npm run chaos`: rows of the fault matrix at random, for as long as one likes, in one world.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { Rng } from "../../bench/fleet/rng.ts";
import { projectRoot } from "../harness/paths.ts";
import { FaultWorld } from "./fault-world.ts";
import { runRow, type Row, type RowReport, type Size } from "./row.ts";
import { rows } from "./rows.ts";

const usage = `npm run chaos -- --minutes N [--seed S] [--each] [--row NAME] [--size quick|full] [--json FILE]

  --minutes N   rows are begun until so much time is over (5)
  --seed S      which rows in which order, and what each of them draws (a random one, printed)
  --each        every row once, in the order of the matrix, however long it takes
  --row NAME    only rows whose name holds this; may be given several times
  --size SIZE   quick: each fault once; full: as long and as often as the matrix says (quick)
  --json FILE   the reports (build/chaos.json)
`;

const shownWords = 40;

interface Chaos {
  readonly minutes: number;
  readonly seed: number;
  readonly each: boolean;
  readonly size: Size;
  readonly among: readonly Row[];
  readonly file: string;
}

function parsed(): Chaos | undefined {
  const text = { type: "string" } as const;
  const options = {
    minutes: text,
    seed: text,
    row: { type: "string", multiple: true },
    size: text,
    json: text,
    each: { type: "boolean" },
    help: { type: "boolean" },
  } as const;
  const { values } = parseArgs({ options });
  const { row: wanted = [""], size = "quick" } = values;
  const minutes = Number(values.minutes ?? 5);
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
  const among = rows.filter(({ name }) => wanted.some((words) => name.includes(words)));
  if (values.help || !(minutes > 0) || !Number.isInteger(seed) || among.length === 0) return undefined;
  if (size !== "quick" && size !== "full") return undefined;
  return {
    minutes,
    seed,
    size,
    among,
    each: values.each === true,
    file: values.json ?? join(projectRoot, "build", "chaos.json"),
  };
}

function lineOf(report: RowReport): string {
  const { acked, lost, duplicated, recovered, injections, recoverySeconds, problems } = report;
  const counts = [injections.length, acked, lost, duplicated, recovered].map((n) => String(n).padStart(10));
  const verdict = problems.length === 0 ? "ok" : `FAILED, seed ${report.seed}`;
  return `${counts.join("")}${recoverySeconds.toFixed(1).padStart(10)} s   ${verdict.padEnd(8)} ${report.row}`;
}

const head = `${["injections", "acked", "lost", "duplicated", "recovered", "recovery"].map((word) => word.padStart(10)).join("")}            row`;

/** One line a row: what was injected how often, and the worst that came of it. */
function summed(reports: readonly RowReport[]): RowReport[] {
  return [...Map.groupBy(reports, ({ row }) => row).values()].map((own) => {
    const sum = (of: (report: RowReport) => number): number => own.reduce((total, one) => total + of(one), 0);
    return {
      ...own[0]!,
      seed: own.find(({ problems }) => problems.length > 0)?.seed ?? own[0]!.seed,
      injections: own.flatMap(({ injections }) => injections),
      acked: sum(({ acked }) => acked),
      lost: sum(({ lost }) => lost),
      duplicated: sum(({ duplicated }) => duplicated),
      recovered: sum(({ recovered }) => recovered),
      rawRepeats: sum(({ rawRepeats }) => rawRepeats),
      sessions: sum(({ sessions }) => sessions),
      commands: sum(({ commands }) => commands),
      recoverySeconds: Math.max(...own.map(({ recoverySeconds }) => recoverySeconds)),
      seconds: sum(({ seconds }) => seconds),
      problems: own.flatMap(({ problems }) => problems),
    };
  });
}

function* drawn(among: readonly Row[], rng: Rng, minutes: number): Generator<Row> {
  const until = performance.now() + minutes * 60_000;
  while (performance.now() < until && among.length > 0) yield among[rng.int(0, among.length - 1)]!;
}

/** After each run: one that is ended early has told what it saw. */
function keep({ seed, minutes, size, file }: Chaos, runs: readonly RowReport[]): void {
  const failed = runs.filter(({ problems }) => problems.length > 0).length;
  const report = { name: "chaos", seed, minutes, size, failed, rows: summed(runs), runs };
  writeFileSync(file, `${JSON.stringify(report, null, 1)}\n`);
}

async function main(): Promise<number> {
  const chaos = parsed();
  if (!chaos) {
    process.stderr.write(usage);
    return 2;
  }
  const { minutes, seed, size, file } = chaos;
  const rng = new Rng(seed);
  console.log(`chaos: seed ${seed}, ${minutes} minutes, ${size}`);
  await using world = await FaultWorld.start();
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.once(signal, () => void world[Symbol.asyncDispose]().finally(() => process.exit(1)));
  const among = chaos.among.filter((row) => {
    const missing = row.missing?.(world);
    if (missing) console.log(`left out: ${row.name}: ${missing}`);
    return !missing;
  });
  const reports: RowReport[] = [];
  console.log(head);
  for (const row of chaos.each ? among : drawn(among, rng, minutes)) {
    const report = await runRow(world, row, rng.int(1, 2 ** 31), size);
    reports.push(report);
    keep(chaos, reports);
    console.log(lineOf(report));
    for (const problem of report.problems) console.log(`          ${problem}`);
    if (report.problems.length > 0)
      for (const line of world.words.slice(-shownWords)) console.log(`          | ${line}`);
  }
  const byRow = summed(reports);
  console.log(`\nin all, ${reports.length} runs, recovery at its longest\n${head}`);
  for (const report of byRow) console.log(lineOf(report));
  const failed = reports.filter(({ problems }) => problems.length > 0).length;
  console.log(`${reports.length - failed} held, ${failed} failed, seed ${seed}; ${file}`);
  return failed === 0 && reports.length > 0 ? 0 : 1;
}

if (import.meta.main) {
  // The keeper of the servers goes when nobody holds it.
  process.exit(await main());
}
