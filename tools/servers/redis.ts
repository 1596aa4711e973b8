// Redis as Debian packages it, unpacked without root where it is not installed: one plain server with a TLS port, a
// master with a replica and three sentinels, and a cluster of three masters.
import { randomBytes } from "node:crypto";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { debianProgram, type Program } from "./debian.ts";
import type { Tell } from "./install.ts";
import { nodesOf, startAll, type Instance } from "./instance.ts";
import { freePort, ServerProcess } from "./server-process.ts";
import { certificate } from "./tls.ts";

const debianPackage = { name: "redis-server", path: "usr/bin/redis-server", probe: "--version", cache: "redis" };
const masterName = "wattlog";
const slots = 16_384;

interface Part {
  readonly name: string;
  readonly port: number;
  readonly lines: readonly string[];
  readonly sentinel?: boolean;
}

async function parts(): Promise<Part[]> {
  const { certFile, keyFile } = await certificate();
  const tlsPort = await freePort();
  const tls = [`tls-port ${tlsPort}`, `tls-cert-file ${certFile}`, `tls-key-file ${keyFile}`, "tls-auth-clients no"];
  const plain: Part = { name: "redis", port: await freePort(), lines: [...tls, `tls-ca-cert-file ${certFile}`] };
  const master: Part = { name: "master", port: await freePort(), lines: ["repl-diskless-sync-delay 0"] };
  const replica: Part = {
    name: "replica",
    port: await freePort(),
    lines: [`replicaof 127.0.0.1 ${master.port}`, "repl-diskless-sync-delay 0"],
  };
  const nodes: Part[] = [];
  for (let i = 1; i <= 3; i++) {
    const port = await freePort();
    const cluster = ["cluster-enabled yes", "cluster-node-timeout 2000", `cluster-port ${await freePort()}`];
    nodes.push({ name: `cluster-${i}`, port, lines: cluster });
  }
  return [plain, master, replica, ...(await sentinels(master, replica)), ...nodes];
}

/** Told of each other beforehand: finding each other by themselves takes them seconds. */
async function sentinels(master: Part, replica: Part): Promise<Part[]> {
  const known: { id: string; port: number }[] = [];
  for (let i = 0; i < 3; i++) known.push({ id: randomBytes(20).toString("hex"), port: await freePort() });
  return known.map(({ id, port }, i) => ({
    name: `sentinel-${i + 1}`,
    port,
    sentinel: true,
    lines: [
      `sentinel myid ${id}`,
      `sentinel monitor ${masterName} 127.0.0.1 ${master.port} 2`,
      `sentinel down-after-milliseconds ${masterName} 1000`,
      `sentinel failover-timeout ${masterName} 5000`,
      `sentinel known-replica ${masterName} 127.0.0.1 ${replica.port}`,
      ...known
        .filter((other) => other.id !== id)
        .map((other) => `sentinel known-sentinel ${masterName} 127.0.0.1 ${other.port} ${other.id}`),
    ],
  }));
}

function processOf({ command, env }: Program, folder: string, { name, port, lines, sentinel }: Part): ServerProcess {
  const own = join(folder, name);
  mkdirSync(own);
  const file = join(own, "redis.conf");
  const store = sentinel ? [] : ['save ""', "appendonly no", "maxmemory 256mb"];
  const common = [`port ${port}`, "bind 127.0.0.1", `dir ${own}`, "daemonize no", "protected-mode no"];
  writeFileSync(file, `${[...common, ...store, ...lines].join("\n")}\n`);
  chmodSync(file, 0o600);
  return new ServerProcess({
    name,
    folder: own,
    port,
    command,
    args: [file, ...(sentinel ? ["--sentinel"] : [])],
    env,
  });
}

export async function startRedis(folder: string, tell: Tell): Promise<Instance> {
  const found = await debianProgram(debianPackage, tell);
  const all = await parts();
  const processes = all.map((part) => processOf(found, folder, part));
  tell("starting Redis");
  await startAll(processes);
  const cluster = all.filter(({ name }) => name.startsWith("cluster-"));
  try {
    await formCluster(cluster);
    await ask(
      all[2]!.port,
      (port) => call(port, "INFO", "replication"),
      (answer) => answer.includes("link_status:up"),
    );
  } catch (error) {
    await Promise.all(processes.map((process) => process.stop()));
    throw error;
  }
  const list = (some: readonly Part[]): string => some.map(({ port }) => `127.0.0.1:${port}`).join(",");
  const { certFile } = await certificate();
  const tlsPort = /tls-port (\d+)/.exec(all[0]!.lines.join("\n"))![1]!;
  return {
    processes,
    describe: () => ({
      url: `redis://127.0.0.1:${all[0]!.port}`,
      tlsUrl: `rediss://localhost:${tlsPort}`,
      caFile: certFile,
      sentinelUrl: `redis+sentinel://${list(all.filter(({ sentinel }) => sentinel))}/${masterName}`,
      clusterUrl: `redis+cluster://${list(cluster)}`,
      nodes: nodesOf(processes),
    }),
  };
}

async function formCluster(nodes: readonly Part[]): Promise<void> {
  const share = Math.ceil(slots / nodes.length);
  for (const [i, { port }] of nodes.entries()) {
    const last = Math.min(slots, (i + 1) * share) - 1;
    await call(port, "CLUSTER", "ADDSLOTSRANGE", `${i * share}`, `${last}`);
    await call(port, "CLUSTER", "SET-CONFIG-EPOCH", `${i + 1}`);
  }
  for (const { port, lines } of nodes.slice(1)) {
    const bus = lines.find((line) => line.startsWith("cluster-port "))!.split(" ")[1]!;
    await call(nodes[0]!.port, "CLUSTER", "MEET", "127.0.0.1", `${port}`, bus);
  }
  for (const { port } of nodes) {
    await ask(
      port,
      () => call(port, "CLUSTER", "INFO"),
      (answer) => answer.includes("cluster_state:ok") && answer.includes(`cluster_known_nodes:${nodes.length}`),
    );
  }
}

async function ask(
  port: number,
  question: (port: number) => Promise<string>,
  good: (answer: string) => boolean,
): Promise<void> {
  const until = performance.now() + 20_000;
  for (;;) {
    const answer = await question(port);
    if (good(answer)) return;
    if (performance.now() > until) throw new Error(`Redis at ${port} is not ready: ${answer}`);
    await sleep(50);
  }
}

/** One command on a connection of its own; its answer as it comes, which is enough to look for a word in it. */
function call(port: number, ...words: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1");
    socket.setEncoding("utf8");
    const message = words.map((word) => `$${Buffer.byteLength(word)}\r\n${word}\r\n`).join("");
    socket.write(`*${words.length}\r\n${message}`);
    socket.once("data", (answer: unknown) => {
      socket.destroy();
      const text = String(answer);
      if (text.startsWith("-")) reject(new Error(`Redis refused ${words.join(" ")}: ${text}`));
      else resolve(text);
    });
    socket.on("error", reject);
  });
}
