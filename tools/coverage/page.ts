// Writes docs/ocpp-coverage.md: action x version x direction, with effect, route and test.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { actions, isFromStation, isToStation } from "../../core/ocpp/actions.ts";
import type { Protocol } from "../../core/records/frame-record.ts";
import { toCsms, toStation, type Effect } from "./effects.ts";

export const coverageFile = fileURLToPath(new URL("../../docs/ocpp-coverage.md", import.meta.url));

export interface Row {
  readonly action: string;
  readonly protocols: readonly Protocol[];
  /** undefined: the table has none. */
  readonly effect: Effect | undefined;
}

const versions: readonly Protocol[] = ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"];

/** In alphabetical order; versions whose effect is the same share a row. */
export function rows(direction: "toCsms" | "toStation"): readonly Row[] {
  const goesThere = direction === "toCsms" ? isFromStation : isToStation;
  const table = direction === "toCsms" ? toCsms : toStation;
  const names = new Set(versions.flatMap((protocol) => [...actions[protocol].keys()]));
  return [...names].toSorted().flatMap((action) => {
    const byEffect = new Map<Effect | undefined, Protocol[]>();
    for (const protocol of versions) {
      if (!actions[protocol].has(action) || !goesThere(protocol, action)) continue;
      const effect = table[`${protocol}/${action}`] ?? table[action];
      byEffect.set(effect, [...(byEffect.get(effect) ?? []), protocol]);
    }
    return [...byEffect].map(([effect, protocols]) => ({ action, protocols, effect }));
  });
}

function tableOf(direction: "toCsms" | "toStation"): string[] {
  const lines = rows(direction).map(({ action, protocols, effect }) => {
    const spoken = protocols.map((protocol) => protocol.replace("ocpp", "")).join(", ");
    return `| ${action} | ${spoken} | ${effect?.effect ?? ""} | \`${effect?.route ?? ""}\` | ${effect?.test ?? ""} |`;
  });
  return ["| action | version | effect | where to read it | test |", "|---|---|---|---|---|", ...lines];
}

export function page(): string {
  return [
    "# OCPP coverage",
    "",
    "Made by `node tools/coverage/page.ts` from the action tables and `tools/coverage/effects.ts`; a test compares it with the code, the",
    "API's routes and the titles of the tests. Every CALL is in the log verbatim with its answer (`GET /api/v1/frames`), whatever else it does.",
    "",
    "## Station to CSMS",
    "",
    "Decided by a row of `gateway/decide`; folded by `processors`.",
    "",
    ...tableOf("toCsms"),
    "",
    "## CSMS to station",
    "",
    "`POST /api/v1/stations/{id}/commands` with the action and its payload, checked against the schema of the station's version; the station's",
    "answer is kept verbatim and mapped to an outcome by `core/ocpp/command-outcome.ts`.",
    "",
    ...tableOf("toStation"),
    "",
  ].join("\n");
}

if (import.meta.main) {
  writeFileSync(coverageFile, page());
  console.log(`${coverageFile}: ${readFileSync(coverageFile, "utf8").split("\n").length} lines`);
}
