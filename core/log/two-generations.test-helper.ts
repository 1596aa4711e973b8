// A log that ended, and the one that it goes on in: two embedded logs, counted as the generations of a cluster are.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { EmbeddedLogServer } from "./log-embedded-server.ts";
import { EmbeddedLog } from "./log-embedded.ts";
import { GenerationLog, TrimmableGenerationsLog } from "./generation-log.ts";
import { topicsOfGeneration } from "./generations.ts";
import type { TrimmableLog } from "./log.ts";

export interface TwoGenerations extends AsyncDisposable {
  readonly first: TrimmableLog;
  /** Writes the second, reads both. */
  readonly both: TrimmableLog;
  /** The second alone. */
  readonly second: TrimmableLog;
}

/** @param partitions of frames and events, of the first and the second */
export async function openTwoGenerations(partitions: readonly [number, number]): Promise<TwoGenerations> {
  const undo: (() => Promise<void> | void)[] = [];
  const opened = async (generation: 1 | 2): Promise<TrimmableLog> => {
    const folder = mkdtempSync(join(tmpdir(), "wattlog-generation-"));
    const topics = topicsOfGeneration(generation, partitions[generation - 1]!);
    const server = await EmbeddedLogServer.start({ folder, topics });
    const log = EmbeddedLog.attach({ port: server.connect(), folder, topics });
    undo.push(async () => {
      await log.close();
      await server.close();
      rmSync(folder, { recursive: true });
    });
    return generation === 1 ? log : new GenerationLog(log);
  };
  const first = await opened(1);
  const second = await opened(2);
  return {
    first,
    second,
    both: new TrimmableGenerationsLog(second, [first]),
    [Symbol.asyncDispose]: async () => {
      for (const step of undo) await step();
    },
  };
}
