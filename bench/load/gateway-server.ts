// Process: the gateway on the embedded log, without fold and read side.
import { randomUUID } from "node:crypto";

import { seedSettings } from "../../deploy/roles/first-settings.ts";
import { EmbeddedBusHub } from "../../core/bus/bus-embedded.ts";
import { logKey, newNodeId, trusted, type PartyId } from "../../core/ids/ids.ts";
import { EmbeddedLogServer } from "../../core/log/log-embedded-server.ts";
import { EmbeddedLog } from "../../core/log/log-embedded.ts";
import { makeTopics } from "../../core/log/log.ts";
import { encodeChange } from "../../core/records/registry-change.ts";
import { hashPassword } from "../../core/registry/password.ts";
import { RegistryView } from "../../core/registry/view.ts";
import { systemClock } from "../../core/runtime/clock.ts";
import { createLogger } from "../../core/runtime/logger.ts";
import { createMetrics } from "../../core/runtime/metrics.ts";
import { createGateway, type Gateway } from "../../gateway/gateway.ts";
import { LogProbe } from "./log-probe.ts";
import { serve } from "./process.ts";
import { liftStationRate, loadSettings } from "./settings.ts";
import type { Target, TargetAddress, TargetOptions } from "./targets.ts";
import { cpuUsage, memoryUsage } from "./usage.ts";

const host = "127.0.0.1";
const registeredAtOnce = 500;
const probe = new LogProbe();
let running: { readonly gateway: Gateway; readonly log: EmbeddedLog; readonly server: EmbeddedLogServer } | undefined;

async function register(
  log: EmbeddedLog,
  registry: RegistryView,
  party: PartyId,
  { prefix, stations, password }: NonNullable<TargetOptions["registered"]>,
): Promise<void> {
  const records = Array.from({ length: stations }, (_, n) => {
    const id = trusted.station(`${prefix}${n}`);
    const doc = { id, acceptance: "accepted", password: hashPassword(password) } as const;
    const at = systemClock.now();
    const change = { party, keyId: null, changeId: randomUUID(), expectedVersion: null, at, actor: "bench" } as const;
    return { key: logKey(party, id), value: encodeChange({ ...change, entity: "station", id, doc }) };
  });
  const topic = log.topics.registry;
  for (let n = 0; n < records.length; n += registeredAtOnce) {
    const some = records.slice(n, n + registeredAtOnce);
    const { baseOffset } = await log.append(topic, 0, some);
    await registry.reached({ generation: topic.generation, offset: baseOffset + some.length });
  }
}

async function start({ folder, registered }: TargetOptions): Promise<TargetAddress> {
  liftStationRate();
  const settings = loadSettings(folder);
  const party = trusted.party(settings.party);
  const topics = makeTopics(1, settings.partitions);
  const server = await EmbeddedLogServer.start({ folder, topics });
  probe.watch(server);
  const log = EmbeddedLog.attach({ port: server.connect(), folder, topics });
  const registry = new RegistryView(log);
  await registry.start();
  await seedSettings(settings, party, { log, registry, clock: systemClock });
  if (registered) await register(log, registry, party, registered);
  const gateway = createGateway({
    options: { host, port: 0, party, appendHoldMs: settings.appendHoldMs, noSubprotocol: "reject" },
    log,
    bus: new EmbeddedBusHub().client(),
    registry,
    clock: systemClock,
    nodeId: newNodeId(),
    metrics: createMetrics(),
    logger: createLogger("gateway", settings.logLevel),
  });
  await gateway.start();
  running = { gateway, log, server };
  return { host, port: gateway.port() };
}

serve<Target>(
  { start, cpu: () => cpuUsage(() => probe.cpu()), memory: memoryUsage, log: async () => probe.figures() },
  async () => {
    await running?.gateway.stop();
    await running?.log.close();
    await running?.server.close();
  },
);
