// Process: ocpp-rpc's server in strict mode, which checks each message against its schema, answers and keeps nothing.
import { RPCServer } from "ocpp-rpc";

import { serve } from "./process.ts";
import type { Target, TargetAddress } from "./targets.ts";
import { cpuUsage, memoryUsage } from "./usage.ts";

/** What of its client is used here; its own types leave the event's argument open. */
interface Client {
  handle(action: string, answer: () => object): void;
}

const host = "127.0.0.1";
const server = new RPCServer({ protocols: ["ocpp1.6"], strictMode: true });
let transactions = 0;

const answers: Readonly<Record<string, () => object>> = {
  BootNotification: () => ({ status: "Accepted", interval: 300, currentTime: new Date().toISOString() }),
  StartTransaction: () => ({ transactionId: ++transactions, idTagInfo: { status: "Accepted" } }),
  MeterValues: () => ({}),
};

async function start(): Promise<TargetAddress> {
  server.auth((accept) => accept());
  server.on("client", (client: Client) => {
    for (const [action, answer] of Object.entries(answers)) client.handle(action, answer);
  });
  const http = await server.listen(0, host);
  const address = http.address();
  if (address === null || typeof address === "string") throw new Error("ocpp-rpc's server has no port.");
  return { host, port: address.port };
}

serve<Target>({ start, cpu: () => cpuUsage(), memory: memoryUsage, log: async () => undefined }, () =>
  server.close({ force: true }),
);
