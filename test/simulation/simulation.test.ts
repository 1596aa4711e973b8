// The simulation's own parts: that a seed repeats, that rules look and can fail, that every fault is well described; and some
// seeds for whoever has no CI at hand. `npm run simulate:faults` shows each rule finding what it is for.
import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { describe, expect, test } from "vitest";

import { trusted } from "../../core/ids/ids.ts";
import { encodeRecord } from "../../core/records/codec.ts";
import type { FrameBody } from "../../core/records/frame-record.ts";
import { Journal } from "./journal.ts";
import { Line, Network } from "./network.ts";
import { readOptions, WrongUse } from "./options.ts";
import { Random } from "./random.ts";
import { checkCommands } from "./rules/commands.ts";
import { checkLog } from "./rules/log.ts";
import { checkWritten } from "./rules/written.ts";
import { simulate } from "./run.ts";
import { Scheduler } from "./scheduler.ts";
import { rules, runSeeds } from "./seeds.ts";
import { Trace } from "./trace.ts";
import { Weather } from "./weather.ts";

const seeds = 100;
/** Seconds where nothing else runs; minutes on a machine that is busy with all other tests. */
const longMs = 240_000;

describe("a seed", () => {
  test(
    "repeats: the same events in the same order, down to the bytes of every record",
    async () => {
      const [first, again, other] = [await simulate(11), await simulate(11), await simulate(12)];
      expect(again).toEqual(first);
      expect(first.steps).toBeGreaterThan(1_000);
      expect(other.digest).not.toBe(first.digest);
    },
    longMs,
  );

  test(
    `every rule holds in ${seeds} of them, and was looked at`,
    async () => {
      const options = { first: 1, seeds, workers: availableParallelism(), trace: false, stop: true };
      const { failed, checks } = await runSeeds(options, () => undefined);
      expect(failed.map(({ seed, violations }) => ({ seed, ...violations[0] }))).toEqual([]);
      expect(rules.filter((rule) => !checks.has(rule))).toEqual([]);
    },
    longMs,
  );
});

const envelope = {
  party: trusted.party("DEWLG"),
  station: trusted.station("CS-1"),
  source: trusted.connection("c-1"),
  arrivedAt: 0,
  registry: { generation: 1, offset: 0 },
  keyId: null,
};

/** A log of one connection, record by record. */
function journalOf(bodies: readonly (readonly [sequence: number, body: FrameBody])[], acknowledged = true): Journal {
  const journal = new Journal(1);
  for (const [offset, [sequence, body]] of bodies.entries()) {
    const value = encodeRecord({ ...envelope, sequence, ...body });
    journal.stored(0, { offset, logTime: 1_000 + offset, key: "DEWLG/CS-1", value, acknowledged });
  }
  return journal;
}

function exchange(messageId: string): FrameBody {
  const call = Buffer.from(`[2,"${messageId}","Heartbeat",{}]`);
  const answer = Buffer.from(`[3,"${messageId}",{}]`);
  const said = { action: "Heartbeat", messageId, call, answer, facts: {}, annotations: [] };
  return { kind: "exchange", protocol: "ocpp1.6", ...said };
}

function requested(commandId: string, timeoutMs: number): FrameBody {
  return {
    kind: "commandRequested",
    commandId: trusted.command(commandId),
    connectionId: trusted.connection("c-1"),
    protocol: "ocpp1.6",
    action: "ClearCache",
    payload: Buffer.from("{}"),
    timeoutMs,
    idempotencyKey: null,
    queueUntil: null,
    origin: { via: "rest", actor: "test" },
    replyTo: null,
  };
}

const sentOf = (commandId: string): FrameBody => {
  return { kind: "commandSent", commandId: trusted.command(commandId), connectionId: trusted.connection("c-1") };
};

function lineOf(connectionId: string): Line {
  const random = new Random(1);
  const network = new Network(new Scheduler(random, new Trace()), new Weather(random, 1), () => undefined);
  const nothing = {
    refused: () => undefined,
    opened: () => undefined,
    message: () => undefined,
    closed: () => undefined,
  };
  return Object.assign(new Line(network, "/CS-1", "ocpp1.6", nothing), { connectionId });
}

const broken = (journal: Journal): string[] => journal.violations.map(({ rule }) => rule);

describe("a rule can fail", () => {
  const answer = '[3,"m1",{}]';

  test.each<[string, string[], () => Journal]>([
    ["an answer to what the log holds and has acknowledged", [], () => journalOf([[0, exchange("m1")]])],
    ["an answer before the receipt", ["promise 1"], () => journalOf([[0, exchange("m1")]], false)],
    ["an answer to what is not there", ["promise 1"], () => journalOf([])],
    ["another answer than the log's", ["promise 1"], () => journalOf([[0, exchange("m2")]])],
  ])("%s", (_what, expected, make) => {
    const journal = make();
    checkWritten(journal, lineOf("c-1"), answer);
    expect(broken(journal)).toEqual(expected);
  });

  test.each<[string, string[], string, readonly FrameBody[]]>([
    ["as it should be", [], "c-1", [requested("x", 10), sentOf("x")]],
    ["never requested", ["C1"], "c-1", []],
    ["on another connection", ["C2", "C3", "C3"], "c-2", [requested("x", 10), sentOf("x")]],
    ["without a record", ["C3", "C3"], "c-1", [requested("x", 10)]],
    ["after its deadline", ["C3"], "c-1", [requested("x", 1), sentOf("x")]],
  ])("a command on the wire, %s", (_what, expected, connection, bodies) => {
    const journal = journalOf(bodies.map((body, at) => [at, body]));
    checkWritten(journal, lineOf(connection), '[2,"x","ClearCache",{}]');
    expect(broken(journal)).toEqual(expected);
  });

  test("a command on the wire, twice", () => {
    const journal = journalOf([requested("x", 10), sentOf("x")].map((body, at) => [at, body]));
    for (let times = 0; times < 2; times++) checkWritten(journal, lineOf("c-1"), '[2,"x","ClearCache",{}]');
    expect(broken(journal)).toEqual(["C3"]);
  });

  test.each<[string, string[], readonly (readonly [number, FrameBody])[], readonly string[]]>([
    [
      "what was said, in order",
      [],
      [
        [0, exchange("m1")],
        [1, exchange("m2")],
      ],
      ["m1", "m2"],
    ],
    [
      "a hole",
      ["I2"],
      [
        [0, exchange("m1")],
        [2, exchange("m3")],
      ],
      ["m1", "m2", "m3"],
    ],
    [
      "behind a later one",
      ["I2"],
      [
        [1, exchange("m2")],
        [0, exchange("m1")],
      ],
      ["m1", "m2"],
    ],
    ["never said", ["I2", "L1"], [[0, exchange("m1")]], []],
  ])("the log has %s", (_what, expected, bodies, said) => {
    const journal = journalOf(bodies);
    for (const id of said) journal.called("CS-1", "c-1", id, `[2,"${id}","Heartbeat",{}]`);
    if (said.length === 0) journal.callsOf.set("c-1", []);
    checkLog(journal);
    expect([...new Set(broken(journal))]).toEqual(expected);
  });

  test("a command without an end, and one that reached its station twice", () => {
    const journal = journalOf([[0, requested("x", 10)]]);
    journal.commanded("CS-1", "c-1", "x");
    journal.commanded("CS-1", "c-2", "x");
    checkCommands(journal, new Map());
    expect(broken(journal)).toEqual(["C4", "L5"]);
  });
});

test("every planted fault says its area, the rules that find it, and what it breaks; no patch touches a test", () => {
  const folder = new URL("./faults/", import.meta.url);
  const patches = readdirSync(folder).map((name) => readFileSync(new URL(name, folder), "utf8"));
  expect(patches.length).toBeGreaterThanOrEqual(12);
  for (const patch of patches) {
    const [head = "", ...diff] = patch.split("\ndiff --git ");
    expect(head).toMatch(/^area: (batcher|ownership|commands|fold)\nrules: .+\nbreaks: .+\n$/);
    const named = /^rules: (.+)$/m.exec(head)?.[1]?.split(", ") ?? [];
    expect(named.filter((rule) => !rules.includes(rule))).toEqual([]);
    expect(diff.join("\n")).not.toMatch(/^\+\+\+ b\/(test\/|.*\.test)/m);
  }
});

test("what is asked for is checked before anything starts", () => {
  expect(readOptions(["--seed", "7", "--trace"])).toMatchObject({ first: 7, seeds: 1, trace: true });
  expect(readOptions([])).toMatchObject({ first: 1, seeds: 5_000 });
  for (const wrong of [["--seeds", "0"], ["--seed", "x"], ["--trace"], ["--what"]])
    expect(() => readOptions(wrong)).toThrow(WrongUse);
});
