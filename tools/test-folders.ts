/**
 * Folders whose tests run one file at a time, with long time limits, in two lanes beside each other: these tests wait more than
 * they work. The lanes take about as long as each other. Every other test file is a unit test.
 */
export const SYSTEM_LANES = [
  [
    "test/promises",
    "test/stations",
    "test/quirks",
    "test/use-cases",
    "test/registry",
    "test/operations",
    "test/ocpi",
    "test/chart",
  ],
  ["test/faults", "test/misuse", "test/cluster", "test/monitoring"],
] as const;

export const SYSTEM_TEST_FOLDERS = SYSTEM_LANES.flat();

/**
 * Servers killed, frozen and failed over: minutes each, so `npm run full` runs them and `npm test` does not. The contract
 * suites and one kill of every process of a cluster are in `npm test`.
 */
export const SERVER_FAULT_TESTS = [
  "core/bus/bus-redis-faults.test.ts",
  "core/log/log-kafka-faults.test.ts",
  "core/store/store-postgres-faults.test.ts",
  "deploy/roles/rebuild-restored-on-postgres.test.ts",
  // A minute of installing, as the image's build does it.
  "test/chart/image.test.ts",
  "test/cluster/frozen-processor.test.ts",
  "test/cluster/log-retention.test.ts",
  "test/cluster/moving-stations-long.test.ts",
  "test/cluster/new-generation-long.test.ts",
  "test/cluster/server-kills-long.test.ts",
  "test/faults/kafka-brokers.test.ts",
  "test/faults/matrix-long.test.ts",
  // For `npm test`, once it was seen to hold often enough beside other work; then LONG_ONLY_ROWS of test/house/fault-matrix.ts shrink.
  "test/faults/matrix.test.ts",
  // Fifteen thousand stations come back twice.
  "test/faults/reconnect-storm-long.test.ts",
  "test/faults/restored-log-long.test.ts",
  "test/misuse/cluster-outages-long.test.ts",
  "test/ocpi/push-faults.test.ts",
  // A WebSocket on which nothing is said for longer than a proxy waits by itself: over a minute.
  "test/operations/proxies.test.ts",
  "projections/ocpi/pushes/on-postgres.test.ts",
  // Ten thousand stations come back twice.
  "projections/ocpi/pushes/rolling-restart.test.ts",
  // Minutes of compiling before the first test.
  "test/stations/ocpp-charge-point.test.ts",
] as const;

/** Folders anywhere in the tree that hold no tests of ours. */
export const UNTESTED_FOLDERS = ["node_modules", "build", "data", "data-demo", ".cache", ".git"] as const;
