// `wattlog verify --journal DIR`: the ledger check.
import { existsSync } from "node:fs";

import { formatReport } from "../../bench/verify/report.ts";
import { verify } from "../../bench/verify/verify.ts";
import { sourceOf } from "../roles/source.ts";
import { exitCodes, flag, numberOption, requiredOption, WrongUse, type Run } from "./command.ts";
import { printJson, Progress } from "./output.ts";
import { runningOn } from "./running.ts";

const defaultSettleSeconds = 30;

export const runVerify: Run = async (invocation) => {
  const journalDir = requiredOption(invocation, "journal");
  if (!existsSync(journalDir)) throw new WrongUse(`There is no journal folder ${journalDir}.`);
  const settleSeconds = numberOption(invocation, "settle", defaultSettleSeconds, 0, 86_400);
  const { settings } = invocation;
  // On a folder where nothing runs, nothing will move.
  const live = settings.kafkaBrokers !== "" || (await runningOn(settings.dataDir)) !== undefined;
  const progress = new Progress();
  const report = await verify({
    journalDir,
    source: sourceOf(settings),
    settleSeconds: live ? settleSeconds : 0,
    clocksApart: flag(invocation, "clocks-apart"),
    onProgress: (line) => progress.show(line),
  }).finally(() => progress.clear());
  if (flag(invocation, "json")) printJson(report);
  else process.stdout.write(formatReport(report));
  return report.ok ? exitCodes.done : exitCodes.failed;
};
