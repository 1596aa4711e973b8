// `npm run fuzz`: exit code 0 only if every mark was reached and nothing was lost; 1: not so; 2: wrong use. The last line
// counts, as every suite's does.
import { fuzz, type FuzzReport } from "./run.ts";
import { readOptions, usage, WrongUse, type FuzzOptions } from "./options.ts";
import { replay } from "./replay.ts";
import { percent } from "./tally.ts";
import { versions } from "./seeds.ts";

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}

function report(options: FuzzOptions, found: FuzzReport): number {
  const { tally, handshakes, faults, log, neighbours, rss, checks } = found;
  for (const line of tally.table()) print(line);
  for (const version of versions) {
    const { sent, messages, fitting } = tally.of(version);
    print(
      `${version}: ${sent} mutants, ${percent(messages, sent)} OCPP-J, ${percent(fitting, sent)} true to the schema`,
    );
  }
  print(`kinds: ${[...tally.kinds].map(([kind, count]) => `${kind} ${count}`).join(", ")}`);
  print(`handshakes: ${[...handshakes].map(([kind, count]) => `${kind} ${count}`).join(", ")}`);
  print(`commands answered by mutants: ${found.commands}`);
  print(
    `log: ${log.records} records, ${log.found} frames found verbatim, ${log.quarantined} quarantined, ${found.rows} rows`,
  );
  print(`neighbours: ${neighbours.answered} answered, ${neighbours.unanswered} not, p99 ${neighbours.p99Ms} ms`);
  print(`memory: ${rss.fromMb} MB after the first half, ${rss.toMb} MB at the end, ${rss.peakMb} MB at most`);
  print(found.verifyWords.trimEnd());
  for (const { ref, sentence } of faults.first) {
    const again = /^(?:\d|handshake)/.test(ref) ? `\n  npm run fuzz -- --seed ${options.seed} --replay ${ref}` : "";
    print(`fault: ${ref}: ${sentence}${again}`);
  }
  for (const { name, problems } of checks) for (const problem of problems) print(`problem: ${name}: ${problem}`);
  const failed = checks.filter(({ problems }) => problems.length > 0).length;
  print(`${checks.length - failed} passed, ${failed} failed, 0 skipped`);
  return failed === 0 && checks.length > 0 ? 0 : 1;
}

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2));
  if (options.replay !== undefined) return (await replay(options.seed, options.replay, print)) ? 0 : 1;
  print(`fuzz: seed ${options.seed}, ${options.frames} mutants of each version`);
  return report(options, await fuzz(options, print));
}

try {
  process.exitCode = await main();
} catch (error) {
  const wrong = error instanceof WrongUse;
  process.stderr.write(
    wrong ? `${error.message}\n\n${usage}` : `${error instanceof Error ? error.stack : String(error)}\n`,
  );
  // Its stations may still be sending.
  process.exit(wrong ? 2 : 1);
}
