// `wattlog gateway | processor | projector | api | topics | migrate`: one role a process, on Kafka, Redis and Postgres.
import type { ClusterRoleName } from "../roles/cluster/connect.ts";
import { runRole, type StartRole } from "../roles/cluster/run-role.ts";
import { exitCodes, type Run } from "./command.ts";
import { say } from "./output.ts";

// A gateway does not load what projects, nor the other way round.
const roles: Readonly<Record<ClusterRoleName, () => Promise<StartRole>>> = {
  gateway: async () => (await import("../roles/cluster/gateway-role.ts")).startGatewayRole,
  processor: async () => (await import("../roles/cluster/processor-role.ts")).startProcessorRole,
  projector: async () => (await import("../roles/cluster/projector-role.ts")).startProjectorRole,
  api: async () => (await import("../roles/cluster/api-role.ts")).startApiRole,
};

export function roleCommand(name: ClusterRoleName): Run {
  return async ({ settings }) => runRole(name, settings, await roles[name]());
}

export const runTopics: Run = async ({ settings }) => {
  const { provisionLog } = await import("../roles/cluster/provision.ts");
  const done = await provisionLog(settings);
  for (const line of done) say(line);
  if (done.length === 0) say("Every topic is as it must be.");
  return exitCodes.done;
};

export const runMigrate: Run = async ({ settings }) => {
  const { migrateStore } = await import("../roles/cluster/provision.ts");
  await migrateStore(settings);
  say("The database has the schema of this version.");
  return exitCodes.done;
};
