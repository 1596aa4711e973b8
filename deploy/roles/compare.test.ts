import { expect, test } from "vitest";

import { tempFolder } from "../../test/harness/paths.ts";
import { compareWithRebuild } from "./compare.ts";
import { charge, RebuildWorld, whole } from "./rebuild-world.test-helper.ts";
import type { Source } from "./source.ts";

test("L4: the row that differs is named although live goes on while everything is folded again", async () => {
  const world = await RebuildWorld.open();
  using folder = tempFolder("compare");
  try {
    await world.start();
    const [line] = await charge(world);
    await world.quiet();
    await world.store.transaction(async ({ db }) => {
      await db.updateTable("session").set({ energy_mwh: 1 }).where("station", "=", "CS2").execute();
    });
    let looks = 0;
    const source: Source = {
      scratchIn: folder.path,
      openLog: () => Promise.resolve(Object.assign(Object.create(world.world.log), { close: () => Promise.resolve() })),
      openStore: () =>
        Promise.resolve({
          dialect: world.store.dialect,
          reader: world.store.reader,
          close: () => Promise.resolve(),
          snapshot: async (work) => {
            if (++looks === 2) {
              await world.write(whole(line!, 90));
              await world.quiet();
            }
            return world.store.snapshot(work);
          },
        }),
      openStoreToWrite: () => Promise.reject(new Error("nobody writes")),
    };
    const { ok, problems } = await compareWithRebuild({ source });
    expect(looks).toBe(2);
    expect(ok).toBe(false);
    expect(problems[0]).toContain("session differs from its rebuild");
    expect(problems.slice(1).join("\n")).toMatch(/^session \S+: energy_mwh is 1 live and \d+ from the log/);
  } finally {
    await world.end();
  }
});
