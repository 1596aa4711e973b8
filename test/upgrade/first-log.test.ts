// F8, promise 3: a log whose records the first codec encoded is folded today to the sessions and CDRs that it tells of.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";

import { decodeRecord } from "../../core/records/codec.ts";
import { unpack } from "../../core/records/msgpack.ts";
import { RebuildWorld } from "../../deploy/roles/rebuild-world.test-helper.ts";
import { rebuild } from "../../deploy/roles/rebuild.ts";

type Entry = readonly ["frames" | "registry", number, string, Uint8Array];

const entries = unpack(readFileSync(join(import.meta.dirname, "first-log.bin"))) as Entry[];

let world: RebuildWorld;

beforeEach(async () => {
  world = await RebuildWorld.open();
  const { log } = world.world;
  for (const [topic, logTime, key, value] of entries) {
    log.logTime = logTime;
    await log.append(log.topics[topic], 0, [{ key, value }]);
  }
});

afterEach(() => world.end());

test("F8: the first version's records are read as what they were", () => {
  const frames = entries.filter(([topic]) => topic === "frames").map(([, , , value]) => decodeRecord(value));
  expect(frames).toHaveLength(17);
  const kinds = "claimed commandRequested commandResult commandSent connected disconnected exchange quarantined";
  expect([...new Set(frames.map(({ kind }) => kind))].toSorted().join(" ")).toBe(kinds);
  expect(frames.every(({ party }) => party === "DEWLG")).toBe(true);
});

test("F8, L3, L4: a log of the first version becomes the sessions, CDRs, commands and held bytes that it tells of, and a rebuild the same", async () => {
  await world.start();
  await world.quiet();
  const { reader } = world.store;
  const sessions = await reader.selectFrom("live_session").selectAll().orderBy("station").execute();
  expect(sessions).toMatchObject([
    {
      station: "CP-16",
      status: "completed",
      energy_mwh: 12_500_000,
      meter_start_mwh: 1_000_000,
      meter_stop_mwh: 13_500_000,
      id_token: "TAG1",
      started_at: Date.UTC(2026, 0, 5, 8, 10),
      ended_at: Date.UTC(2026, 0, 5, 8, 40),
    },
    {
      station: "CP-201",
      status: "completed",
      transaction_id: "tx-201",
      energy_mwh: 4_500_000,
      meter_start_mwh: 200_000,
      meter_stop_mwh: 4_700_000,
    },
  ]);
  const cdrs = await reader.selectFrom("live_cdr").selectAll().orderBy("station").execute();
  expect(cdrs).toMatchObject([
    { station: "CP-16", session_id: sessions[0]?.id, energy_mwh: 12_500_000, currency: "EUR", total_excl_vat: "5.00" },
    { station: "CP-201", session_id: sessions[1]?.id, energy_mwh: 4_500_000, currency: "EUR", total_excl_vat: "1.80" },
  ]);
  const commands = await reader.selectFrom("live_command").select(["action", "status", "outcome"]).execute();
  expect(commands).toEqual([{ action: "TriggerMessage", status: "done", outcome: "accepted" }]);
  const held = await world.held();
  expect(held.map(({ stage, station, bytes }) => [stage, station, Buffer.from(bytes).toString()])).toEqual([
    ["gateway", "CP-16", "[2,"],
  ]);
  const stations = await reader.selectFrom("live_station").select(["station", "vendor", "online"]).execute();
  expect(stations.toSorted((a, b) => (a.station < b.station ? -1 : 1))).toEqual([
    { station: "CP-16", vendor: "V", online: 0 },
    { station: "CP-201", vendor: null, online: 1 },
  ]);
  expect(world.problems()).toEqual([]);
  expect((await rebuild(world.tools)).tables.filter(({ equal }) => !equal)).toEqual([]);
});
