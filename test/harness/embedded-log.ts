// A harness for the log's contract on the embedded log, in a folder of its own.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { EmbeddedLogServer } from "../../core/log/log-embedded-server.ts";
import { EmbeddedLog } from "../../core/log/log-embedded.ts";
import type { LogHarness } from "../../core/log/log.contract.ts";
import { makeTopics, type EventLog, type TrimmableLog } from "../../core/log/log.ts";

/** @param wrap what stands in front of each handle */
export async function embeddedHarness(wrap: (log: TrimmableLog) => EventLog = (log) => log): Promise<LogHarness> {
  const folder = mkdtempSync(join(tmpdir(), "wattlog-log-"));
  const topics = makeTopics(1, 12);
  let server = await EmbeddedLogServer.start({ folder, topics });
  let handles: EventLog[] = [];
  const attach = (): EventLog => {
    const log = wrap(EmbeddedLog.attach({ port: server.connect(), folder, topics }));
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
    tells: true,
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
