// Rule B2 on the embedded adapters; on Kafka: test/cluster/log-retention.test.ts.
import { test } from "vitest";

import { tempFolder } from "../harness/paths.ts";
import { startWattlog, type Running } from "../harness/wattlog.ts";
import { eager, expectRetained } from "./retention.ts";

test("log retention passed half of the topic", async () => {
  using folder = tempFolder("retention");
  using archive = tempFolder("retention-archive");
  const settings = { ...eager, WATTLOG_ARCHIVE: archive.path };
  let running: Running = await startWattlog({ folder: folder.path, env: settings });
  try {
    await expectRetained({
      target: running,
      rest: running.rest,
      metrics: () => running.metrics(),
      environment: { ...settings, WATTLOG_DATA_DIR: folder.path },
      async killArchiver() {
        const env = { ...settings, ...running.sameAddress };
        await running.kill9();
        running = await startWattlog({ folder: folder.path, env });
      },
    });
  } finally {
    await running.stop();
  }
}, 180_000);
