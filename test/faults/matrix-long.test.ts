// Every row of the fault matrix (docs/correctness.md), as long and as often as it says: minutes each, with `npm run full`.
import { test } from "vitest";

import { clocks } from "./rows-clocks.ts";
import { poison, repeated } from "./rows-folds.ts";
import { gatewayFrozen, gatewayKilled, rollingUpdate } from "./rows-gateways.ts";
import { brokerKilled, cutOff, sickPartition } from "./rows-log.ts";
import { postgresFaults, redisFaults } from "./rows-servers.ts";
import { halfOpen, notReading, reconnectStorm } from "./rows-stations.ts";
import { useLongMatrix } from "./use-matrix.ts";

const expectHeld = useLongMatrix();
const rowMs = 900_000;

test(
  "gateway kill -9 at random points, also between log receipt and answer",
  (context) => expectHeld(context, gatewayKilled),
  rowMs,
);
test("gateway SIGSTOP 5-60 s", (context) => expectHeld(context, gatewayFrozen), rowMs);
test(
  "broker kill -9 / leader change (3 brokers, RF 3, min.insync 2)",
  (context) => expectHeld(context, brokerKilled),
  rowMs,
);
test(
  "one partition without enough replicas (needs three brokers: Kafka 4.4 acknowledges RF 1 with min.insync 2)",
  (context) => expectHeld(context, sickPartition),
  rowMs,
);
test(
  "broker SIGSTOP, gateway cut off from Kafka (both ways, one way)",
  (context) => expectHeld(context, cutOff),
  rowMs,
);
test("half-open charger link", (context) => expectHeld(context, halfOpen), rowMs);
test("station that does not read", (context) => expectHeld(context, notReading), rowMs);
test("reconnect storm (all stations at once)", (context) => expectHeld(context, reconnectStorm), rowMs);
test("Redis killed, flushed, failed over with lost writes", (context) => expectHeld(context, redisFaults), rowMs);
test("Postgres killed, paused, disk full", (context) => expectHeld(context, postgresFaults), rowMs);
test(
  "duplicate delivery, offsets rewound, rebalance storm, zombie consumer",
  (context) => expectHeld(context, repeated),
  rowMs,
);
test("poison frame at each stage", (context) => expectHeld(context, poison), rowMs);
test("clock ±1 h, DST, station clock at 1970", (context) => expectHeld(context, clocks), rowMs);
test("rolling update under load (SIGTERM loop)", (context) => expectHeld(context, rollingUpdate), rowMs);
