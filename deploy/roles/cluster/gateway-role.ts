// `wattlog gateway`: needs the log and the registry in it. Without Redis chargers go on and commands fail fast.
import { newNodeId } from "../../../core/ids/ids.ts";
import { systemClock } from "../../../core/runtime/clock.ts";
import { createGateway } from "../../../gateway/gateway.ts";
import { connectBus, connectLog, followRegistry, partyOf, requireCluster } from "./connect.ts";
import type { StartRole } from "./run-role.ts";

export const startGatewayRole: StartRole = async ({ settings, metrics, logger, undo, fatal }) => {
  requireCluster(settings, ["kafkaBrokers", "redisUrl"]);
  const party = partyOf(settings);
  const nodeId = newNodeId();
  const log = await connectLog(settings, `wattlog-gateway-${nodeId}`, { metrics, logger });
  undo.add("log", () => log.close());
  const registry = await followRegistry(log, fatal);
  undo.add("registry", () => registry.stop());
  const bus = connectBus(settings, logger);
  undo.add("bus", () => bus.close());
  const host = settings.ocppBind || settings.bind;
  const gateway = createGateway({
    options: {
      host,
      port: settings.ocppPort,
      party,
      appendHoldMs: settings.appendHoldMs,
      noSubprotocol: settings.noSubprotocol === "ocpp1.6" ? "ocpp1.6" : "reject",
    },
    log,
    bus,
    registry,
    clock: systemClock,
    nodeId,
    metrics,
    logger,
  });
  await gateway.start();
  undo.add("gateway", async () => {
    await gateway.drain();
    await gateway.stop();
  });
  return { readiness: () => gateway.readiness(), says: `OCPP ws://${host}:${gateway.port()}` };
};
