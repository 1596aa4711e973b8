// The product's price, called as `wattlog price` calls it. The only file here that may know of `core/price`.
import { shownPrice } from "../../core/price/explain.ts";
import { faultText } from "../../core/price/faults.ts";
import { priceOf } from "../../core/price/price.ts";
import { readSession } from "../../core/price/session-input.ts";
import { readyTariff } from "../../core/price/tariff.ts";
import { tariffFaults } from "../../core/price/tariff-faults.ts";
import type { TariffDoc } from "../../core/registry/entities.ts";
import type { Engine } from "./compare.ts";

/** @throws Error where the engine refuses the tariff or the session, with its reasons. */
export const wattlog: Engine = (tariff, session) => {
  const input = readSession(session);
  const faults = [
    ...tariffFaults(tariff).map((fault) => faultText("tariff", fault)),
    ...(input.result === "invalid" ? input.faults.map((fault) => faultText("session", fault)) : []),
  ];
  if (faults.length > 0 || input.result !== "session") throw new Error(faults.join("; "));
  const readied = readyTariff(tariff as unknown as TariffDoc);
  if (readied.result !== "ready") throw new Error(readied.why);
  return shownPrice(priceOf(readied.tariff, input.session)).total;
};
