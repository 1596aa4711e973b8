// A scenario's result for people.
import type { Machine } from "../report.ts";
import { scenarios, type ScenarioResult } from "./scenario.ts";

export interface MeasuredResult extends Omit<ScenarioResult, "words"> {
  readonly machine: Machine;
  readonly date: string;
}

/** k6's own names of what a station sees, in the order of its life. */
const trends = [
  ["ocpp_connect_ms", "open socket"],
  ["ocpp_booted_ms", "answered boot"],
  ["ocpp_answer_ms", "answer to a CALL"],
  ["ocpp_back_ms", "back after a loss"],
  ["ocpp_command_ms", "command and its outcome"],
] as const;
const counters = [
  ["ocpp_answered", "CALLs answered"],
  ["ocpp_unanswered", "CALLs without an answer"],
  ["ocpp_closes", "connections lost"],
] as const;

export function report({ name, size, ok, thresholds, metrics, machine }: MeasuredResult): string {
  const ms = (value: number | undefined): string => (value ?? 0).toFixed(1).padStart(9);
  const rows = trends.flatMap(([metric, says]) => {
    const values = metrics[metric];
    if (!values) return [];
    return [`  ${says.padEnd(24)}${ms(values["med"])}${ms(values["p(95)"])}${ms(values["p(99)"])}${ms(values["max"])}`];
  });
  const counts = counters.flatMap(([metric, says]) => {
    const count = metrics[metric]?.["count"];
    return count === undefined ? [] : [`  ${says.padEnd(24)}${String(count).padStart(9)}`];
  });
  return [
    `${name}: ${scenarios[name]}; ${size.stations} stations, ${size.seconds} s, ${machine.cores} x ${machine.cpu}`,
    `  ${"ms".padEnd(24)}${["p50", "p95", "p99", "max"].map((head) => head.padStart(9)).join("")}`,
    ...rows,
    ...counts,
    ...thresholds.map(({ metric, bound, ok: held }) => `  ${held ? "met    " : "NOT MET"} ${metric} ${bound}`),
    `  ${ok ? "every threshold held" : "a threshold was crossed"}${size.slack === 1 ? "" : ` (bounds on time times ${size.slack})`}`,
    "",
  ].join("\n");
}
