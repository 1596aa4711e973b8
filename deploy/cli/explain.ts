// `wattlog explain SESSION`: a session from its frames to its total, out of log and tables, beside a live process or without one.
import { writeFileSync } from "node:fs";

import { showExplanation } from "../../projections/rest/explain-format.ts";
import { explanationSections } from "../../projections/rest/explain-lines.ts";
import { trusted } from "../../core/ids/ids.ts";
import { explainFrom } from "../roles/explain.ts";
import { sourceOf } from "../roles/source.ts";
import { exitCodes, flag, textOption, WrongUse, type Run } from "./command.ts";
import { printable, printJson, say } from "./output.ts";

export const runExplain: Run = async (invocation) => {
  const [sessionId, ...more] = invocation.positionals;
  if (sessionId === undefined || more.length > 0) throw new WrongUse("explain wants the id of one session.");
  const { settings } = invocation;
  const explanation = await explainFrom(sourceOf(settings), trusted.party(settings.party), sessionId);
  if (!explanation) {
    say(`There is no session ${printable(sessionId)}, or no record of it in the log.`);
    return exitCodes.failed;
  }
  const shown = showExplanation(explanation);
  const pdf = textOption(invocation, "pdf");
  if (pdf !== undefined) {
    const { explanationPdf } = await import("../../projections/rest/explain-pdf.ts");
    writeFileSync(pdf, await explanationPdf(shown));
    say(`${pdf} is written.`);
  }
  if (flag(invocation, "json")) printJson(shown);
  else if (pdf === undefined) {
    for (const { title, lines } of explanationSections(shown)) {
      process.stdout.write(`${printable(title)}\n${lines.map((line) => `  ${printable(line)}\n`).join("")}`);
    }
  }
  // What was charged is not what the records give: a script must see it.
  return shown.agrees ? exitCodes.done : exitCodes.failed;
};
