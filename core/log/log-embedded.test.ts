import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { EmbeddedLogServer } from "./log-embedded-server.ts";
import { EmbeddedLog } from "./log-embedded.ts";
import { eventLogContract, type LogHarness } from "./log.contract.ts";
import { makeTopics, type EventLog } from "./log.ts";

async function embedded(): Promise<LogHarness> {
  const folder = mkdtempSync(join(tmpdir(), "wattlog-log-"));
  const topics = makeTopics(1, 12);
  let server = await EmbeddedLogServer.start({ folder, topics });
  let handles: EventLog[] = [];
  const attach = (): EventLog => {
    const log = EmbeddedLog.attach({ port: server.connect(), folder, topics });
    handles.push(log);
    return log;
  };
  const stop = async (): Promise<void> => {
    await Promise.all(handles.map((log) => log.close()));
    await server.close();
    handles = [];
  };
  return {
    log: attach(),
    another: async () => attach(),
    async restart() {
      await stop();
      server = await EmbeddedLogServer.start({ folder, topics });
      return attach();
    },
    async end() {
      await stop();
      rmSync(folder, { recursive: true });
    },
  };
}

eventLogContract("the embedded log", embedded);
