// `wattlog price`: an OCPI tariff applied to a session, both from files. Needs no data folder.
import { readFileSync } from "node:fs";

import { shownPrice } from "../../core/price/explain.ts";
import { faultText, type Fault } from "../../core/price/faults.ts";
import { priceOf } from "../../core/price/price.ts";
import { readSession } from "../../core/price/session-input.ts";
import { readyTariff } from "../../core/price/tariff.ts";
import { tariffFaults } from "../../core/price/tariff-faults.ts";
import type { TariffDoc } from "../../core/registry/entities.ts";
import { exitCodes, flag, requiredOption, WrongUse, type Run } from "./command.ts";
import { printable, printJson, say } from "./output.ts";
import { priceLines } from "./price-lines.ts";

export const runPrice: Run = async (invocation) => {
  const tariff = readJson(requiredOption(invocation, "tariff"));
  const input = readSession(readJson(requiredOption(invocation, "session")));
  const faults = [
    ...tariffFaults(tariff).map((fault) => faultText("tariff", fault)),
    ...(input.result === "invalid" ? input.faults.map((fault: Fault) => faultText("session", fault)) : []),
  ];
  // A tariff without faults has the shape of one.
  const readied = faults.length === 0 ? readyTariff(tariff as TariffDoc) : undefined;
  if (readied?.result !== "ready" || input.result !== "session") {
    for (const fault of faults) say(printable(fault));
    return exitCodes.failed;
  }
  const price = shownPrice(priceOf(readied.tariff, input.session));
  if (flag(invocation, "json")) printJson(price);
  else process.stdout.write(`${priceLines(price).map(printable).join("\n")}\n`);
  return exitCodes.done;
};

function readJson(file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (cause) {
    throw new WrongUse(`${file} cannot be read.`, { cause });
  }
  try {
    return JSON.parse(text.replace(/^\uFEFF/, ""));
  } catch (cause) {
    throw new WrongUse(`${file} is no JSON.`, { cause });
  }
}
