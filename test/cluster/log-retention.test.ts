// Rule B2 on Kafka; on the embedded adapters: test/faults/log-retention.test.ts.
import { rmSync } from "node:fs";
import { afterAll, test } from "vitest";

import { eager, expectRetained } from "../faults/retention.ts";
import { tempFolder } from "../harness/paths.ts";
import { parseMetrics } from "../harness/wattlog.ts";
import { useOwnCluster } from "./own-cluster.ts";

const archive = tempFolder("retention-archive");
const cluster = useOwnCluster({
  roles: ["gateway", "processor", "projector", "api", "archiver"],
  settings: { ...eager, WATTLOG_ARCHIVE: archive.path },
});

afterAll(() => rmSync(archive.path, { recursive: true, force: true }));

test("log retention passed half of the topic", async () => {
  const { processes, rests, gateways, environment } = cluster();
  await expectRetained({
    target: { ocppUrl: gateways[0]!, httpUrl: processes.consoleUrl, token: processes.token },
    rest: rests[0]!,
    async metrics() {
      const { adminUrl } = processes.of("archiver-1");
      const response = await fetch(`${adminUrl}/metrics`, { signal: AbortSignal.timeout(10_000) });
      return parseMetrics(await response.text());
    },
    environment,
    killArchiver: () => processes.restart("archiver-1", "SIGKILL"),
  });
}, 300_000);
