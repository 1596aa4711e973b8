import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { getPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";

import { readSettings } from "../../core/config/settings.ts";
import { startAll } from "./all.ts";

/** `nice` of the threads of this process that have such a name, as Linux tells it. */
function niceOf(...names: readonly string[]): Record<string, number> {
  const found: Record<string, number> = {};
  for (const thread of readdirSync("/proc/self/task")) {
    const line = readFileSync(`/proc/self/task/${thread}/stat`, "utf8");
    const name = line.slice(line.indexOf("(") + 1, line.lastIndexOf(")"));
    // Fields from the third on stand behind the name; nice is the 19th.
    if (names.includes(name)) found[name] = Number(line.slice(line.lastIndexOf(")") + 2).split(" ")[16]);
  }
  return found;
}

test("the folds go behind whoever answers chargers and callers", async () => {
  const folder = mkdtempSync(join(tmpdir(), "wattlog-priority-"));
  const running = await startAll(
    readSettings({
      WATTLOG_DATA_DIR: folder,
      WATTLOG_OCPP_PORT: "0",
      WATTLOG_HTTP_PORT: "0",
      WATTLOG_ADMIN_PORT: "0",
      WATTLOG_LOG_LEVEL: "error",
    }),
  );
  try {
    const ours = getPriority(0);
    const wanted = { "log-writer": ours, "read side": ours, processor: Math.min(19, ours + 5) };
    expect(niceOf("log-writer", "read side", "processor")).toEqual(wanted);
  } finally {
    await running.stop();
    rmSync(folder, { recursive: true });
  }
});
