import { beforeAll, describe, expect, test } from "vitest";
import {
  adapterOfTitle,
  adapterTable,
  missingAdapters,
  placesOf,
  type Adapter,
  type AdapterCount,
} from "./test-adapters.ts";
import { ranOn } from "./ran-on.ts";

const count = (suite: string, adapter: Adapter, passed: number, failed = 0, skipped = 0): AdapterCount => ({
  suite,
  adapter,
  passed,
  failed,
  skipped,
});

test("the end of a title names the adapter, the longest word wins, text may follow after a colon", () => {
  expect(adapterOfTitle("EventLog contract on kafkajs")).toEqual({ suite: "EventLog contract", adapter: "kafkajs" });
  expect(adapterOfTitle("bus on Redis by TLS")).toEqual({ suite: "bus", adapter: "Redis by TLS" });
  expect(adapterOfTitle("promises 1-5 on a cluster: the ledger is clean")).toEqual({
    suite: "promises 1-5",
    adapter: "a cluster",
  });
});

test("a title that goes on, or names something else, names no adapter", () => {
  expect(adapterOfTitle("a StartTransaction resent on another node")).toBeNull();
  expect(adapterOfTitle("what happens on Postgres when it is killed")).toBeNull();
  expect(adapterOfTitle("kafkajs")).toBeNull();
});

test("a title goes before what a helper said, and a test that says neither counts nowhere", () => {
  expect(placesOf(["a suite on SQLite", "a test"], ["Postgres"], "core/x.test.ts")).toEqual([
    { suite: "a suite", adapter: "SQLite" },
  ]);
  expect(placesOf(["a test"], ["SQLite", "Postgres"], "processors/x.test.ts")).toEqual([
    { suite: "processors", adapter: "SQLite" },
    { suite: "processors", adapter: "Postgres" },
  ]);
  expect(placesOf(["a test"], [], "processors/x.test.ts")).toEqual([]);
});

test("the table sums what ran in several files, and shows a zero for what must run and did not", () => {
  const counts = [count("s", "SQLite", 2), count("s", "SQLite", 1, 1), count("t", "a cluster", 0, 0, 4)];
  expect(adapterTable(counts, { s: ["SQLite", "Postgres"] })).toEqual([
    "suite  ran on      passed   failed  skipped",
    "s      SQLite           3        1        0",
    "       Postgres         0        0        0",
    "t      a cluster        0        0        4",
  ]);
  expect(adapterTable([], {})).toEqual([]);
});

test("what must run on an adapter and has only failed or skipped there is missing", () => {
  const required: Record<string, readonly Adapter[]> = { s: ["SQLite", "Postgres", "kafkajs"] };
  const counts = [count("s", "SQLite", 1), count("s", "Postgres", 0, 1), count("t", "kafkajs", 5)];
  expect(missingAdapters(counts, required)).toEqual([
    "no test of s has passed on kafkajs",
    "no test of s has passed on Postgres",
  ]);
});

test("a name that must run stands for each suite that goes on from it with a comma, and for one at least", () => {
  const required: Record<string, readonly Adapter[]> = {
    "promise 1": ["one process", "a cluster"],
    "promise 2": ["a cluster"],
  };
  const counts = [
    count("promise 1, durable", "one process", 3),
    count("promise 1, durable", "a cluster", 0, 0, 3),
    count("promise 1, at the ports", "one process", 1),
    count("promise 1, at the ports", "a cluster", 1),
    count("promise 12", "a cluster", 1),
  ];
  expect(missingAdapters(counts, required)).toEqual([
    "no test of promise 1, durable has passed on a cluster",
    "no test of promise 2 has passed on a cluster",
  ]);
});

describe("a helper's word", () => {
  test("reaches the running test alone", ({ task }) => {
    ranOn("SQLite");
    ranOn("SQLite");
    expect(task.meta.adapters).toEqual(["SQLite"]);
    delete task.meta.adapters;
  });

  describe("in a beforeAll", () => {
    beforeAll(() => ranOn("Postgres"));

    test.for(["first", "second"])("reaches the tests that follow: the %s", (_, { task }) => {
      expect(task.meta.adapters).toEqual(["Postgres"]);
      delete task.meta.adapters;
    });
  });
});
