import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { logKey, trusted } from "../../core/ids/ids.ts";
import { encodeEvent } from "../../core/records/domain-event.ts";
import { firstTableSet, openPosition } from "../../core/store/position.ts";
import { StationWriter } from "../testing/events.ts";
import { party } from "../testing/world.ts";
import { RoamingWorld } from "./roaming.test-helper.ts";
import { Watermark } from "./watermark.ts";

let roaming: RoamingWorld;
beforeEach(async () => {
  roaming = await RoamingWorld.open();
}, 60_000);
afterEach(() => roaming.close());

const fresh = () => new Watermark(roaming.world);

describe("what lists by date end at (rule B6)", () => {
  it("is now where nothing is on its way, also on partitions that stay idle", async () => {
    const before = Date.now();
    expect(await fresh().passed()).toBeGreaterThanOrEqual(before);
  });

  it("stays where the fold stands, while frames wait for it", async () => {
    const { world } = roaming;
    const { frames } = world.log.topics;
    const station = new StationWriter("CP-1");
    const partition = world.partitionOf(station.online());
    const [first] = await Promise.all([appendFrame(partition), appendFrame(partition)]);
    await folded(partition, 1, first);
    const passed = await fresh().passed();
    expect(passed).toBe(first);
    expect(await world.log.endOffset(frames, partition)).toBe(2);
    await folded(partition, 2, first + 1);
    expect(await fresh().passed()).toBeGreaterThan(first + 1);
  });

  it("stays where it was while events wait in the outbox, or for the projection, and never goes back", async () => {
    const { world } = roaming;
    const watermark = fresh();
    const before = await watermark.passed();
    const station = new StationWriter("CP-1");
    const event = station.online();
    const partition = world.partitionOf(event);
    await folded(partition, 0, 0);
    const events = new Uint8Array([1]);
    await world.store.transaction((tx) =>
      tx.insertNew("outbox", [{ table_set: firstTableSet, partition, sequence: 1, count: 1, events }]),
    );
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(await watermark.passed()).toBe(before);
    expect(await fresh().passed()).toBe(0);
    await world.store.transaction(async (tx) => {
      await tx.db.deleteFrom("outbox").execute();
    });
    await world.log.append(world.log.topics.events, partition, [
      { key: logKey(party, trusted.station("CP-1")), value: encodeEvent(event) },
    ]);
    await world.caughtUp(roaming.projector);
    await expect.poll(() => watermark.passed()).toBeGreaterThan(before);
  });

  /** Bytes are enough: nobody folds them here. @returns its log time */
  async function appendFrame(partition: number): Promise<number> {
    const { log } = roaming.world;
    const { logTime } = await log.append(log.topics.frames, partition, [{ key: "k", value: new Uint8Array([1]) }]);
    return logTime;
  }

  /** As the processor's position row says. */
  async function folded(partition: number, next: number, logTime: number): Promise<void> {
    const { store, log } = roaming.world;
    await openPosition(store, "processor", log.topics.frames, partition);
    await store.transaction(async (tx) => {
      await tx.db
        .updateTable("position")
        .set({ next, log_time: logTime })
        .where("role", "=", "processor")
        .where("partition", "=", partition)
        .execute();
    });
  }
});
