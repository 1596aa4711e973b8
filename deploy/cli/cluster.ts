// `wattlog gateway | processor | projector | api | archiver | topics | migrate`: one role a process, on Kafka, Redis and Postgres.
import { existsSync } from "node:fs";
import { join } from "node:path";

import type { ClusterRoleName } from "../roles/cluster/connect.ts";
import { runRole, type StartRole } from "../roles/cluster/run-role.ts";
import { exitCodes, flag, numberOption, textOption, WrongUse, type Invocation, type Run } from "./command.ts";
import { Progress, say } from "./output.ts";

// A gateway does not load what projects, nor the other way round.
const roles: Readonly<Record<ClusterRoleName, () => Promise<StartRole>>> = {
  gateway: async () => (await import("../roles/cluster/gateway-role.ts")).startGatewayRole,
  processor: async () => (await import("../roles/cluster/processor-role.ts")).startProcessorRole,
  projector: async () => (await import("../roles/cluster/projector-role.ts")).startProjectorRole,
  api: async () => (await import("../roles/cluster/api-role.ts")).startApiRole,
  archiver: async () => (await import("../roles/cluster/archiver-role.ts")).startArchiverRole,
};

/** As WATTLOG_PARTITIONS has it. */
const mostPartitions = 1_000;

export function roleCommand(name: ClusterRoleName): Run {
  return async (invocation) => {
    refuseDataFolder(name, invocation);
    return runRole(name, invocation.settings, await roles[name]());
  };
}

/** A role keeps nothing in a folder: whoever names one believes otherwise, or has records in it that nobody would read. */
function refuseDataFolder(name: ClusterRoleName, invocation: Invocation): void {
  if (textOption(invocation, "data") !== undefined) {
    throw new WrongUse(
      `\`wattlog ${name}\` keeps nothing in a folder: leave --data out. Only \`wattlog all\` has one.`,
    );
  }
  const folder = process.env["WATTLOG_DATA_DIR"];
  if (!folder || !existsSync(join(folder, "log.db"))) return;
  throw new WrongUse(
    `WATTLOG_DATA_DIR=${folder} holds the log of a wattlog in one process, which \`wattlog ${name}\` does not read: unset it, or run \`wattlog all\`.`,
  );
}

export const runTopics: Run = async (invocation) => {
  if (flag(invocation, "new-generation")) return newGeneration(invocation);
  if (numberOption(invocation, "partitions", 0, 1, mostPartitions) !== 0) {
    throw new WrongUse("--partitions belongs to --new-generation; the first generation has WATTLOG_PARTITIONS.");
  }
  const { provisionLog } = await import("../roles/cluster/provision.ts");
  const done = await provisionLog(invocation.settings, flag(invocation, "new-database"));
  for (const line of done) say(line);
  if (done.length === 0) say("Every topic is as it must be.");
  return exitCodes.done;
};

async function newGeneration(invocation: Invocation): Promise<number> {
  const { settings } = invocation;
  if (settings.kafkaBrokers === "") {
    throw new WrongUse(
      "Only a cluster's log has generations (KAFKA_BROKERS): the log of one process keeps its partitions, which cost it nothing, and its folder is copied and restored as a whole.",
    );
  }
  const { openNewGeneration } = await import("../roles/cluster/new-generation.ts");
  const progress = new Progress({ elsewhereEveryMs: 10_000 });
  const partitions = numberOption(invocation, "partitions", 0, 1, mostPartitions);
  await openNewGeneration(settings, {
    partitions: partitions === 0 ? undefined : partitions,
    say(line) {
      progress.clear();
      say(line);
    },
    wait: (line) => progress.show(`waiting: ${line}`),
  }).finally(() => progress.clear());
  return exitCodes.done;
}

export const runMigrate: Run = async (invocation) => {
  const { settings } = invocation;
  const { migrateStore } = await import("../roles/cluster/provision.ts");
  await migrateStore(settings, flag(invocation, "new-log"));
  say("The database has the schema of this version.");
  return exitCodes.done;
};
