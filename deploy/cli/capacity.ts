// `wattlog capacity`: pods, partitions, brokers and bytes for a fleet, from measured costs. Needs no data folder.
import { capacityOf, usualFleet, type Fleet, type Plan, type RolePlan } from "../capacity/plan.ts";
import { exitCodes, flag, requiredOption, textOption, WrongUse, type Invocation, type Run } from "./command.ts";
import { formatTable, printJson } from "./output.ts";

export const runCapacity: Run = async (invocation) => {
  const fleet = fleetOf(invocation);
  const plan = capacityOf(fleet);
  if (flag(invocation, "json")) printJson({ fleet, plan });
  else process.stdout.write(capacityText(plan));
  return exitCodes.done;
};

function fleetOf(invocation: Invocation): Fleet {
  const number = (name: string, fallback: number): number => {
    const text = textOption(invocation, name);
    return text === undefined ? fallback : numberOf(name, text);
  };
  return {
    stations: numberOf("stations", requiredOption(invocation, "stations")),
    framesPerHour: number("frames", usualFleet.framesPerHour),
    peak: number("peak", usualFleet.peak),
    tokens: number("tokens", usualFleet.tokens),
    connectionsPerGateway: number("connections", usualFleet.connectionsPerGateway),
    logDays: number("log-days", usualFleet.logDays),
  };
}

const isCount = new Set(["stations", "tokens", "connections"]);

function numberOf(name: string, text: string): number {
  const value = Number(text.replaceAll("_", ""));
  const least = name === "tokens" ? 0 : isCount.has(name) ? 1 : Number.MIN_VALUE;
  if (text.trim() !== "" && value >= least && value <= 1e9 && (!isCount.has(name) || Number.isInteger(value)))
    return value;
  throw new WrongUse(
    `--${name} takes a ${isCount.has(name) ? "whole " : ""}number${least > 0 ? " above 0" : ""}, not ${JSON.stringify(text)}.`,
  );
}

function capacityText(plan: Plan): string {
  const roles: readonly (RolePlan & { readonly role: string })[] = [
    { role: "gateway", ...plan.gateway },
    { role: "processor", ...plan.processor },
    { role: "projector", ...plan.projector },
    { role: "api", ...plan.api },
  ];
  const { kafka, postgres, framesPerSecond } = plan;
  return [
    `${framesPerSecond.average} frames a second on average, ${framesPerSecond.peak} at the peak`,
    "",
    formatTable(roles, {
      role: ({ role }) => role,
      pods: ({ pods }) => pods,
      "cores each": ({ cores }) => cores,
      "MB each": ({ megabytes }) => megabytes,
    }),
    `partitions  ${plan.partitions} (fixed when the topics are made)`,
    `Kafka       ${kafka.brokers} brokers, each ${kafka.coresEach} cores and ${kafka.terabytesEach} TB`,
    `Postgres    ${postgres.cores} cores, ${postgres.megabytesPerSecond} MB/s at the peak, ${postgres.gigabytesPerDay} GB a day`,
    `archive     ${plan.archiveGigabytesPerDay} GB a day`,
    "",
    ...plan.notes,
    "",
  ].join("\n");
}
