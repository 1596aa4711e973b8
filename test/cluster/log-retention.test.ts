// Rule B2 on Kafka and an S3-compatible server; on the embedded adapters: test/faults/log-retention.test.ts.
import { test } from "vitest";

import { serversForTests } from "../../tools/servers/ensure.ts";
import { eager, expectRetained } from "../faults/retention.ts";
import { makeBucket, s3Credentials } from "../harness/s3.ts";
import { parseMetrics } from "../harness/wattlog.ts";
import { useOwnCluster } from "./own-cluster.ts";

const { servers } = await serversForTests(["kafka", "redis", "postgres", "s3"]);
const bucket = servers.s3 && (await makeBucket(servers.s3));
const cluster = useOwnCluster({
  roles: ["gateway", "processor", "projector", "api", "archiver"],
  settings: {
    ...eager,
    ...s3Credentials,
    ...(bucket && {
      WATTLOG_ARCHIVE: `s3://${bucket.bucket}/some/prefix`,
      WATTLOG_ARCHIVE_S3_ENDPOINT: bucket.endpoint,
    }),
  },
});

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
