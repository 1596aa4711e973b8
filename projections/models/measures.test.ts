import { sql } from "kysely";
import { afterEach, beforeEach, expect, it } from "vitest";

import type { DomainEvent } from "../../core/records/domain-event.ts";
import { silentLogger } from "../../core/runtime/logger.ts";
import { settingDefaults } from "../../core/registry/entities.ts";
import { worldAdapters } from "../../test/harness/world-adapters.ts";
import { StationWriter } from "../testing/events.ts";
import { until, World } from "../testing/world.ts";
import { Gauges } from "./measures.ts";

let world: World;
beforeEach(async () => {
  world = await World.open(worldAdapters);
});
afterEach(() => world.close());

/** A session up to its end, without the CDR; `reason`: why there is none. */
function ended(station: string, endedAt: number, reason: string | null): DomainEvent[] {
  const writer = new StationWriter(station, endedAt - 4_000);
  const events = writer.session("RFID-1", 5_000, 1, true);
  const { body } = events[0]!;
  if (body.kind !== "sessionStarted") throw new Error("it has no start");
  const { sessionId } = body;
  const end = { sessionId, endedAt, reason: "Local", meterStopMwh: 5_005_000, energyMwh: 5_000, annotations: [] };
  events.push(writer.event({ kind: "sessionEnded", ...end }));
  if (reason !== null) events.push(writer.event({ kind: "cdrWithheld", sessionId, reason }));
  return events;
}

async function values(name: string): Promise<Record<string, number>> {
  const found = await world.metrics.registry.getSingleMetric(name)!.get();
  return Object.fromEntries(found.values.map(({ labels, value }) => [Object.values(labels).join(), value]));
}

it("counts ended sessions without a CDR: those that settle, that somebody holds, that should have one by now", async () => {
  const now = Date.now();
  const longAgo = now - settingDefaults.settleAfterMs - 120_000;
  await world.appendEvents([
    ...ended("CP-SETTLES", now, "settling"),
    ...ended("CP-JUST-ENDED", now, null),
    ...ended("CP-HELD", longAgo, "the meter ran backwards"),
    ...ended("CP-OVERDUE", longAgo, "settling"),
    ...ended("CP-FORGOTTEN", longAgo, null),
    ...new StationWriter("CP-ACTIVE").session("RFID-1", 5_000, 1, true),
    ...new StationWriter("CP-DONE").session("RFID-1", 5_000, 1),
  ]);
  await world.caughtUp(await world.project());
  const { log, store, registry, clock, metrics } = world;
  const gauges = new Gauges({ log, store, registry, clock, metrics, logger: silentLogger() });
  await gauges.measure([], true);
  expect(await values("ocpp_sessions_without_cdr")).toEqual({ settling: 2, held: 1, overdue: 2 });
  expect(await values("ocpp_sessions_active")).toEqual({ "": 1 });
  expect(await values("wattlog_quarantine_held")).toEqual({ gateway: 0, decode: 0, fold: 0 });
  // None has a connection, and the two of last year are forgotten.
  expect(await values("ocpp_group_stations")).toEqual({
    "vendor,unknown,online": 0,
    "vendor,unknown,offline": 5,
    "vendor,unknown,faulted": 0,
  });
  gauges.forget([], true);
  expect(await values("ocpp_sessions_without_cdr")).toEqual({});
  expect(await values("ocpp_group_stations")).toEqual({});
});

it("the projector that has the totals tells the reports of the last day and of today, until it stops", async () => {
  const now = Date.now();
  await world.appendEvents([...ended("CP-SETTLES", now, "settling"), ...ended("CP-FORGOTTEN", now, null)]);
  const first = await world.project();
  await world.caughtUp(first);
  await first.stop();
  // The first round of this one finds everything in the tables; midnight may come between.
  const second = await world.project();
  const unexplained = async () => Object.values(await values("wattlog_reconciliation_unexplained_sessions"));
  await until(async () => (await unexplained()).reduce((sum, value) => sum + value, 0) === 1);
  await second.stop();
  expect(await unexplained()).toEqual([]);
});

it("asks an index for unfinished sessions, not every session that there ever was", async () => {
  for (const [condition, index] of [
    ["ended_at is null", "session_active"],
    ["ended_at is not null and cdr_id is null", "session_without_cdr"],
  ] as const) {
    const query = sql<{
      detail: string;
    }>`explain query plan select count(*) from live_session where ${sql.raw(condition)}`;
    const { rows } = await query.execute(world.store.reader);
    expect(rows[0]?.detail).toContain(index);
  }
});
