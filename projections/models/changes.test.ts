import { EventEmitter } from "node:events";
import { MessageChannel } from "node:worker_threads";
import { afterEach, expect, test } from "vitest";

import { systemClock } from "../../core/runtime/clock.ts";
import { StationWriter } from "../testing/events.ts";
import { until } from "../testing/world.ts";
import { attachChanges, serveChanges, type Changes } from "./changes.ts";
import type { Projected, Projector } from "./projector.ts";

const closers: (() => void)[] = [];
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

function overPort() {
  const changes = new EventEmitter<{ projected: [Projected] }>();
  let note: string | undefined;
  const projector = {
    changes,
    readiness: () => ({ name: "projector", problem: undefined, note }),
  } as unknown as Projector;
  const { port1, port2 } = new MessageChannel();
  closers.push(serveChanges(projector, port1, systemClock), () => port2.close());
  return {
    source: attachChanges(port2),
    listeners: () => changes.listenerCount("projected"),
    commit: (stations: readonly string[]) => {
      const events = stations.map((station) => new StationWriter(station).online());
      changes.emit("projected", { partition: 0, next: 1, events });
    },
    say: (sentence: string) => (note = sentence),
  };
}

test("what a projector in another thread commits is told once each to whoever watches, and to nobody else", async () => {
  const { source, commit, listeners } = overPort();
  const seen: Changes[] = [];
  const end = source.watch((changes) => seen.push(changes));
  await until(() => listeners() === 1);
  commit(["CS1", "CS2", "CS1"]);
  commit(["CS2"]);
  await until(() => seen.length > 0);
  expect(seen).toMatchObject([
    [
      { kind: "station", id: "CS1" },
      { kind: "station", id: "CS2" },
    ],
  ]);
  end();
  await until(() => listeners() === 0);
});

test("limits: more changes in a moment than anybody can watch are one word", async () => {
  const { source, commit, listeners } = overPort();
  const seen: Changes[] = [];
  source.watch((changes) => seen.push(changes));
  await until(() => listeners() === 1);
  commit(Array.from({ length: 3_000 }, (_, n) => `CS${n}`));
  await until(() => seen.length > 0);
  expect(seen).toEqual(["many"]);
});

test("the readiness of a projector in another thread is known within seconds", async () => {
  const { source, say } = overPort();
  expect(source.readiness()).toEqual({ name: "projector", problem: undefined, note: undefined });
  say("the projection of 1 station(s) stopped");
  await until(() => source.readiness().note !== undefined);
  expect(source.readiness().note).toBe("the projection of 1 station(s) stopped");
});
