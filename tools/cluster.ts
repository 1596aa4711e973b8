// `npm run cluster`: a whole wattlog cluster on this machine: real Kafka, Redis and Postgres, two gateways, two
// processors, a projector and an api, each a process of its own; `-- --gateway 3 --api 2` starts other numbers. Ctrl-C
// ends all of it.
import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { freePorts } from "../test/harness/ports.ts";
import { ensureServers } from "./servers/ensure.ts";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const wattlog = join(root, "deploy", "cli", "wattlog.mjs");
const stopMs = 30_000;

export interface ClusterProcess {
  /** e.g. `gateway-1`; also its WATTLOG_NODE_NAME. */
  readonly name: string;
  readonly role: string;
  readonly child: ChildProcess;
  readonly adminUrl: string;
  /** gateway: ws://…; api: http://…; else undefined. */
  readonly url: string | undefined;
  readonly environment: Readonly<Record<string, string>>;
}

export interface Cluster {
  readonly processes: readonly ClusterProcess[];
  readonly token: string;
  readonly consoleUrl: string;
  /** Kills and starts a process again under its name and ports. */
  restart(name: string, signal: NodeJS.Signals): Promise<void>;
  /** Resolves when it has ended; half a minute after a signal that it does not follow it is killed. */
  end(name: string, signal: NodeJS.Signals): Promise<void>;
  /**
   * Starts a process that was ended under its name and ports; resolves once it is ready.
   * @param more settings beside the cluster's own, for this start alone
   */
  start(name: string, more?: Readonly<Record<string, string>>): Promise<void>;
  of(name: string): ClusterProcess;
  stop(): Promise<void>;
}

export interface ClusterOptions {
  /** One process each; several of a role are numbered from one on. */
  readonly roles?: readonly string[];
  readonly environment?: Readonly<Record<string, string>>;
  /** Beside it, for the process of this name. */
  readonly environmentOf?: (name: string) => Readonly<Record<string, string>>;
  /** Where the processes' output goes; default: ours. */
  readonly onLine?: (name: string, line: string) => void;
}

const portNames = ["WATTLOG_OCPP_PORT", "WATTLOG_HTTP_PORT", "WATTLOG_ADMIN_PORT"];
const usualRoles = ["gateway", "gateway", "processor", "processor", "projector", "api"];

/** @param servers what KAFKA_BROKERS, REDIS_URL and DATABASE_URL name; provisioned and migrated here. */
export async function startCluster(
  servers: Readonly<Record<"KAFKA_BROKERS" | "REDIS_URL" | "DATABASE_URL", string>>,
  options: ClusterOptions = {},
): Promise<Cluster> {
  const token = randomBytes(24).toString("base64url");
  const common = {
    ...servers,
    WATTLOG_ADMIN_TOKEN: token,
    WATTLOG_UNKNOWN_STATIONS: "accept",
    WATTLOG_UNKNOWN_TOKENS: "accept",
    ...options.environment,
  };
  await Promise.all(["topics", "migrate"].map((command) => runOnce(command, common)));
  const counts = new Map<string, number>();
  const processes = new Map<string, ClusterProcess>();
  const onLine = options.onLine ?? ((name, line) => process.stderr.write(`${name.padEnd(12)} ${line}\n`));
  const roles = options.roles ?? usualRoles;
  // All at once, and none that the kernel gives to clients: they stay free until their processes listen, and while those are away.
  const ports = await freePorts(roles.length * portNames.length);
  for (const role of roles) {
    const number = (counts.get(role) ?? 0) + 1;
    counts.set(role, number);
    const name = `${role}-${number}`;
    const own = options.environmentOf?.(name);
    const environment = { ...common, ...own, WATTLOG_NODE_NAME: name, ...portsOf(ports) };
    processes.set(name, launch(name, role, environment, onLine));
  }
  const cluster: Cluster = {
    get processes() {
      return [...processes.values()];
    },
    token,
    consoleUrl: [...processes.values()].find(({ role }) => role === "api")?.url ?? "",
    of(name) {
      const found = processes.get(name);
      if (!found) throw new Error(`there is no ${name}, but ${[...processes.keys()].join(", ")}`);
      return found;
    },
    async restart(name, signal) {
      await cluster.end(name, signal);
      await cluster.start(name);
    },
    end: (name, signal) => end(cluster.of(name).child, signal),
    async start(name, more = {}) {
      const { role, environment } = cluster.of(name);
      const started = launch(name, role, { ...environment, ...more }, onLine);
      processes.set(name, { ...started, environment });
      await ready(started);
    },
    async stop() {
      // What takes new work goes first, what others write through last.
      await Promise.all([...processes.values()].map(({ child }) => end(child, "SIGTERM")));
    },
  };
  try {
    await Promise.all([...processes.values()].map(ready));
  } catch (error) {
    await cluster.stop();
    throw error;
  }
  return cluster;
}

function launch(
  name: string,
  role: string,
  environment: Readonly<Record<string, string>>,
  onLine: (name: string, line: string) => void,
): ClusterProcess {
  const child = spawn(process.execPath, [wattlog, role], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "pipe", "pipe"],
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8");
    stream.on("data", (text: string) => {
      for (const line of text.split("\n")) if (line !== "") onLine(name, line);
    });
  }
  const at = (port: string | undefined) => `127.0.0.1:${port}`;
  const urls: Readonly<Record<string, string>> = {
    gateway: `ws://${at(environment["WATTLOG_OCPP_PORT"])}`,
    api: `http://${at(environment["WATTLOG_HTTP_PORT"])}`,
  };
  return {
    name,
    role,
    child,
    environment,
    adminUrl: `http://${at(environment["WATTLOG_ADMIN_PORT"])}`,
    url: urls[role],
  };
}

const readyMs = 120_000;

async function ready({ name, child, adminUrl }: ClusterProcess): Promise<void> {
  const until = Date.now() + readyMs;
  while (Date.now() < until) {
    if (child.exitCode !== null) throw new Error(`${name} ended with code ${child.exitCode} at its start`);
    const answer = await fetch(`${adminUrl}/health/ready`).catch(() => undefined);
    if (answer?.ok) return;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  throw new Error(`${name} is not ready after ${readyMs / 1000} s: ${adminUrl}/health/ready says why`);
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill(signal);
  const late = setTimeout(() => child.kill("SIGKILL"), stopMs);
  await gone;
  clearTimeout(late);
}

async function runOnce(command: string, environment: Readonly<Record<string, string>>): Promise<void> {
  const child = spawn(process.execPath, [wattlog, command], {
    env: { ...process.env, ...environment },
    stdio: ["ignore", "ignore", "pipe"],
  });
  let words = "";
  child.stderr.setEncoding("utf8");
  child.stderr.on("data", (text: string) => (words += text));
  const code = await new Promise<number | null>((resolve) => child.once("exit", resolve));
  if (code !== 0) throw new Error(`wattlog ${command} ended with code ${code}: ${words.trim()}`);
}

/** Takes them from the list. */
function portsOf(free: string[]): Record<string, string> {
  return Object.fromEntries(portNames.map((name) => [name, free.pop()!]));
}

/** `--gateway 3 --api 2`: as many of these, of the others as usual. */
function rolesAsked(): string[] {
  const roles = [...new Set(usualRoles)];
  const { values } = parseArgs({
    options: Object.fromEntries(roles.map((role) => [role, { type: "string" as const }])),
  });
  return roles.flatMap((role) => {
    const count = Number(values[role] ?? usualRoles.filter((usual) => usual === role).length);
    if (!Number.isInteger(count) || count < 1) throw new Error(`--${role} takes a number from 1 on`);
    return Array.from({ length: count }, () => role);
  });
}

async function main(): Promise<void> {
  const roles = rolesAsked();
  process.stderr.write("Kafka, Redis and Postgres start; the first time they are fetched, which takes a minute.\n");
  const { kafka, redis, postgres } = await ensureServers(["kafka", "redis", "postgres"]);
  const cluster = await startCluster(
    { KAFKA_BROKERS: kafka!.brokers.join(","), REDIS_URL: redis!.url, DATABASE_URL: postgres!.url },
    { roles, environment: { WATTLOG_ALLOW_WEAK_LOG: "true" } },
  );
  const urls = (of: string) => cluster.processes.filter(({ role }) => role === of).map(({ url }) => url);
  process.stdout.write(
    `Console: ${urls("api").join(" or ")} · token ${cluster.token}\nConnect chargers to ${urls("gateway").join(" or ")}\nCtrl-C ends all of it.\n`,
  );
  const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
  process.once("SIGINT", ask);
  process.once("SIGTERM", ask);
  await asked;
  await cluster.stop();
  // The keeper of the servers goes when nobody holds it.
  process.exit(0);
}

if (import.meta.main) await main();
