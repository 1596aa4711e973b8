// `wattlog gateway`: needs the log and the registry in it. Without Redis chargers go on and commands fail fast.
import { newNodeId } from "../../../core/ids/ids.ts";
import { createGateway } from "../../../gateway/gateway.ts";
import { createAuthoriser } from "../../../projections/ocpi/realtime/authoriser.ts";
import { ocpiOf } from "../ocpi.ts";
import { ocppPortOf, ocppUrls } from "../ocpp-port.ts";
import { partyOf, requireCluster } from "./connect.ts";
import { joinBus, joinLog } from "./join.ts";
import type { StartRole } from "./run-role.ts";

export const startGatewayRole: StartRole = async (context) => {
  const { settings, metrics, logger, clock, undo } = context;
  requireCluster(settings, ["kafkaBrokers", "redisUrl"]);
  const ocppPort = ocppPortOf(settings);
  const party = partyOf(settings);
  const nodeId = newNodeId();
  const joined = await joinLog(context, `wattlog-gateway-${nodeId}`, "needed");
  const { log, registry } = joined;
  const bus = await joinBus(context, joined, "goes on without");
  const host = settings.ocppBind || settings.bind;
  const authoriser = createAuthoriser({ log, registry, clock, metrics, logger, ocpi: () => ocpiOf(settings) });
  undo.add("authoriser", () => authoriser.stop());
  const gateway = createGateway({
    options: {
      host,
      port: settings.ocppPort,
      ...ocppPort,
      party,
      appendHoldMs: settings.appendHoldMs,
      authoriseDeadlineMs: settings.authoriseDeadlineMs,
      drainMs: settings.drainSeconds * 1000,
      noSubprotocol: settings.noSubprotocol === "ocpp1.6" ? "ocpp1.6" : "reject",
    },
    log,
    bus,
    registry,
    clock,
    nodeId,
    metrics,
    logger,
    authoriser,
  });
  await gateway.start();
  undo.add("gateway", async () => {
    await gateway.drain();
    await gateway.stop();
  });
  return { readiness: () => gateway.readiness(), says: `OCPP ${ocppUrls(host, gateway).join(" and ")}` };
};
