import { expect, test } from "vitest";

import type { AnomalyKind } from "../log/kafka-sender.ts";
import { anomalyKinds, createMetrics, mergeMetrics, snapshotMetrics, tellReadiness, watchRuntime } from "./metrics.ts";

test("an alert sees the first anomaly rise: each kind of the log's clients is there at 0 from the start", async () => {
  const ofClients: Record<AnomalyKind, true> = {
    rejected: true,
    refused: true,
    missing: true,
    offset: true,
    "log-time": true,
    watchdog: true,
    connect: true,
  };
  expect(anomalyKinds).toEqual(expect.arrayContaining(Object.keys(ofClients)));
  const text = await createMetrics().registry.metrics();
  for (const kind of anomalyKinds) expect(text).toContain(`ocpp_log_anomalies_total{kind="${kind}"} 0\n`);
  expect(text).toContain('wattlog_quarantine_total{stage="fold"} 0\n');
});

test("threads of one process tell their own event loops, and one of them the process", async () => {
  const [main, worker] = [createMetrics(), createMetrics()];
  watchRuntime(main, "gateway", "with process");
  watchRuntime(worker, "folds", "thread alone");
  const text = await mergeMetrics([await snapshotMetrics(main), await snapshotMetrics(worker)]);
  for (const thread of ["gateway", "folds"]) {
    expect(text).toMatch(new RegExp(`^nodejs_eventloop_lag_p99_seconds\\{thread="${thread}"\\} `, "m"));
    expect(text).toMatch(new RegExp(`^nodejs_heap_size_used_bytes\\{thread="${thread}"\\} [1-9]`, "m"));
  }
  for (const name of [
    "process_cpu_user_seconds_total",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
  ]) {
    expect(text.split("\n").filter((line) => line.startsWith(`${name}{`))).toHaveLength(1);
  }
  expect(text).not.toContain("process_open_fds");
});

test("readiness is told as it is, and a part that is no more is not told", async () => {
  const metrics = createMetrics();
  tellReadiness(metrics, "processor", [
    { name: "fold of partition 0", problem: undefined },
    { name: "fold of partition 1", problem: "it stands" },
  ]);
  const before = await metrics.registry.metrics();
  expect(before).toContain('wattlog_ready{role="processor"} 0\n');
  expect(before).toContain('wattlog_part_ready{part="fold of partition 0"} 1\n');
  expect(before).toContain('wattlog_part_ready{part="fold of partition 1"} 0\n');
  tellReadiness(metrics, "processor", [{ name: "fold of partition 0", problem: undefined }]);
  const after = await metrics.registry.metrics();
  expect(after).toContain('wattlog_ready{role="processor"} 1\n');
  expect(after).not.toContain("partition 1");
});
