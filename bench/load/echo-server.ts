// Process: uWebSockets.js alone, which sends back each message. What wattlog's gateway is compared with.
import { App, SHARED_COMPRESSOR, us_socket_local_port } from "uWebSockets.js";

import { serve } from "./process.ts";
import type { Target, TargetAddress } from "./targets.ts";
import { cpuUsage, memoryUsage } from "./usage.ts";

const host = "127.0.0.1";
// As in the gateway: neither side then has an advantage by settings.
const behaviour = {
  maxPayloadLength: 131_072,
  maxBackpressure: 262_144,
  closeOnBackpressureLimit: true,
  idleTimeout: 120,
  sendPingsAutomatically: false,
  compression: SHARED_COMPRESSOR,
} as const;

function start(): Promise<TargetAddress> {
  const app = App().ws("/*", {
    ...behaviour,
    message: (ws, message) => {
      ws.send(message, false);
    },
  });
  return new Promise((resolve, reject) => {
    app.listen(host, 0, (socket) => {
      if (socket) resolve({ host, port: us_socket_local_port(socket) });
      else reject(new Error("The echo server cannot listen."));
    });
  });
}

serve<Target>({ start, cpu: () => cpuUsage(), memory: memoryUsage, log: async () => undefined });
