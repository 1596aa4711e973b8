// Every row of the fault matrix (docs/correctness.md) that has its test.
import type { Row } from "./row.ts";
import { clocks } from "./rows-clocks.ts";
import { poison, repeated } from "./rows-folds.ts";
import { gatewayFrozen, gatewayKilled, rollingUpdate } from "./rows-gateways.ts";
import { brokerKilled, cutOff, sickPartition } from "./rows-log.ts";
import { postgresFaults, redisFaults } from "./rows-servers.ts";
import { halfOpen, notReading, reconnectStorm } from "./rows-stations.ts";

export const rows: readonly Row[] = [
  gatewayKilled,
  gatewayFrozen,
  brokerKilled,
  sickPartition,
  cutOff,
  halfOpen,
  notReading,
  reconnectStorm,
  redisFaults,
  postgresFaults,
  repeated,
  poison,
  clocks,
  rollingUpdate,
];
