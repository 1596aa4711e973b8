import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterEach, beforeEach, expect, test } from "vitest";

import { limits } from "../../../core/config/limits.ts";
import { FakeClock } from "../../../core/runtime/clock.ts";
import { openSqliteStore } from "../../../core/store/store-sqlite.ts";
import type { Store } from "../../../core/store/store.ts";
import { NameHold } from "./name-hold.ts";

let folder: string;
let store: Store;
let clock: FakeClock;
let lost: string[];

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "name-hold-"));
  store = openSqliteStore(folder);
  await store.migrate();
  clock = new FakeClock();
  lost = [];
});

afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

const holdOf = (name: string, own: FakeClock = clock) =>
  new NameHold({ store, role: "processor", name, clock: own, onLost: (why) => lost.push(why) });

async function pass(ms: number, clocks: readonly FakeClock[] = [clock]): Promise<void> {
  for (let gone = 0; gone < ms; gone += 100) {
    for (const one of clocks) one.advance(100);
    await new Promise((resolve) => setTimeout(resolve, 3));
  }
}

/** The sentence, or "taken". */
const outcomeOf = (hold: NameHold): Promise<string> => hold.take().then(() => "taken", String);

test("a second process under a name that lives is refused with what to do, and the first goes on", async () => {
  const first = holdOf("pod-0");
  await first.take();
  const second = outcomeOf(holdOf("pod-0"));
  await pass(limits.nameWatchMs + 1_000);
  expect(await second).toMatch(/Another processor runs under the name pod-0.*WATTLOG_NODE_NAME/);
  await expect(outcomeOf(holdOf("pod-1"))).resolves.toBe("taken");
  expect(lost).toEqual([]);
});

test("of several that begin at once under one name, one gets it", async () => {
  const outcomes = Promise.all(Array.from({ length: 4 }, () => outcomeOf(holdOf("pod-0"))));
  await pass(limits.nameWatchMs + 1_000);
  expect((await outcomes).filter((outcome) => outcome === "taken")).toHaveLength(1);
});

test("a name that was given back is free at once; that of a process that died is free after a look", async () => {
  const first = holdOf("pod-0");
  await first.take();
  await first.give();
  const dying = new FakeClock();
  await expect(outcomeOf(holdOf("pod-0", dying))).resolves.toBe("taken");
  let isTaken = false;
  const next = outcomeOf(holdOf("pod-0")).then((outcome) => {
    isTaken = true;
    return outcome;
  });
  await pass(limits.nameWatchMs - 500);
  expect(isTaken).toBe(false);
  await pass(1_000);
  expect(await next).toBe("taken");
});

test("a process that was frozen while another took its name stands down", async () => {
  const frozen = new FakeClock();
  await holdOf("pod-0", frozen).take();
  const next = outcomeOf(holdOf("pod-0"));
  await pass(limits.nameWatchMs + 1_000);
  expect(await next).toBe("taken");
  await pass(limits.nameWatchMs + 2_000, [clock, frozen]);
  expect(lost.join()).toMatch(/Another processor runs under the name pod-0/);
});

test("a store that lost the name's row gets it back from the process that lives", async () => {
  const hold = holdOf("pod-0");
  await hold.take();
  await store.transaction(({ db }) => db.deleteFrom("name_hold").execute());
  await pass(2_000);
  expect(lost).toEqual([]);
  const second = outcomeOf(holdOf("pod-0"));
  await pass(limits.nameWatchMs + 1_000);
  expect(await second).toMatch(/runs under the name/);
});
