// The fuzzer's own parts: that it draws the same again, that its marks can be missed, that its judge finds what it is for.
import { describe, expect, test } from "vitest";

import { logKey, trusted } from "../../core/ids/ids.ts";
import { makeTopics } from "../../core/log/log.ts";
import { encodeRecord } from "../../core/records/codec.ts";
import type { FrameBody } from "../../core/records/frame-record.ts";
import type { Source } from "../../deploy/roles/source.ts";
import type { CorpusFile } from "../quirks/corpus.ts";
import { expectedOf } from "./expected.ts";
import { handshake } from "./handshakes.ts";
import { ConnectionLedger, Faults } from "./ledger.ts";
import { checkLog } from "./log-check.ts";
import { readOptions, WrongUse } from "./options.ts";
import { seedCells } from "./run.ts";
import { checkCells, type Cell } from "./seeds.ts";
import { answerNumber, answersPerCommand, callNumber } from "./streams.ts";
import { marksOf, Tally } from "./tally.ts";

const corpus: readonly CorpusFile[] = [
  {
    name: "made",
    what: "one frame in each direction",
    protocol: "ocpp1.6",
    frames: [
      { n: 1, dir: "in", version: "1.6", frame: '[2,"1","Heartbeat",{}]' },
      { n: 2, dir: "out", version: "1.6", frame: '[2,"2","Reset",{"type":"Soft"}]' },
      { n: 3, dir: "in", version: "1.6", frame: '[3,"2",{"status":"Accepted"}]' },
    ],
  },
];
const cells = seedCells(1, corpus);
const calls16 = cells.filter(({ version, role }) => version === "1.6" && role === "call");
const someId = "0f0e0d0c-0000-4000-8000-000000000001";

const nothing = /^$/;

describe("seeds and mutants", () => {
  test("the same seed gives the same bytes, another one others", () => {
    const bytes = (seed: number) =>
      Array.from({ length: 200 }, (_, n) => callNumber(seed, "1.6", calls16, n).mutant.bytes.toString("latin1"));
    expect(bytes(7)).toEqual(bytes(7));
    expect(bytes(8)).not.toEqual(bytes(7));
    expect(handshake(7, 3)).toEqual(handshake(7, 3));
  });

  test("frames of the corpus are among the seeds, answers under the action that they answer", () => {
    const published = cells.filter(({ fromCorpus }) => fromCorpus > 0);
    expect(published.map(({ role, action }) => [role, action])).toEqual([
      ["call", "Heartbeat"],
      ["answer", "Reset"],
    ]);
  });

  test.each<[string, (all: readonly Cell[]) => readonly Cell[], RegExp]>([
    ["an action is missing", (all) => all.slice(1), /14 actions.*13/],
    ["an action has no seeds", (all) => all.map((c, i) => (i === 3 ? { ...c, seeds: [] } : c)), /too few seeds/],
    ["nothing is from the corpus", (all) => all.map((c) => ({ ...c, fromCorpus: 0 })), /corpus/],
    ["there is nothing", () => [], /14 actions.*0/],
  ])("a run does not begin where %s", (_what, broken, sentence) => {
    expect(() => checkCells(cells, true)).not.toThrow();
    expect(() => checkCells(broken(cells), true)).toThrow(sentence);
  });

  test("every kind of mutant is drawn, and the last answer to a command can be read as one", () => {
    const of = Array.from({ length: 4_000 }, (_, n) => callNumber(1, "1.6", calls16, n));
    const kinds = new Set(of.map(({ mutant }) => mutant.kind));
    expect([...kinds].toSorted()).toEqual(["bytes", "envelope", "fatal", "field", "repeat", "seed", "valid"]);
    const answers = cells.filter(({ version, role }) => version === "2.0.1" && role === "answer");
    for (let n = answersPerCommand - 1; n < 1_600; n += answersPerCommand) {
      const { cell, mutant } = answerNumber(1, "2.0.1", answers, n, someId);
      const { kept } = expectedOf(cell, mutant.bytes, someId);
      expect({ kept, bytes: mutant.bytes.toString() }).toMatchObject({ kept: "commandResult" });
    }
  });
});

describe("marks", () => {
  test("a run that sent nothing misses every mark", () => {
    const missed = new Tally(cells).missed(marksOf(200_000), 0);
    // For each version: too few, none readable, none true to the schema. Then each action, then the handshakes.
    expect(missed).toHaveLength(2 * 3 + cells.length + 1);
    expect(new Tally([]).missed(marksOf(200_000), 2_000)).toContain("no action was tried");
  });

  test("at 200 000 mutants each action wants 500, and handshakes 2 000", () => {
    expect(marksOf(200_000)).toEqual({ frames: 200_000, perAction: 500, handshakes: 2_000 });
  });

  const good = { kept: "exchange", answer: null, isMessage: true, fitsSchema: true } as const;
  test.each([
    ["every mark is reached", 100, 100, 10, undefined],
    ["too few can be read", 39, 39, 10, /OCPP-J/],
    ["too few are true to the schema", 100, 14, 10, /schema/],
    ["too few handshakes", 100, 100, 9, /handshakes/],
  ])("%s", (_what, messages, fitting, handshakes, sentence) => {
    const tally = new Tally(cells);
    for (const cell of cells) {
      for (let n = 0; n < 100; n++)
        tally.add(cell, "valid", { ...good, isMessage: n < messages, fitsSchema: n < fitting });
    }
    const missed = tally.missed({ frames: 4_000, perAction: 100, handshakes: 10 }, handshakes).join("; ");
    expect(missed).toMatch(sentence ?? nothing);
  });
});

describe("what must become of a frame", () => {
  const heartbeat = { action: "Heartbeat" } as const;
  test.each<[string, "1.6" | "2.0.1", string, object]>([
    ["a good CALL", "1.6", '[2,"a","Heartbeat",{}]', { kept: "exchange", answer: { rawId: '"a"', type: "result" } }],
    ["a number as id", "1.6", '[2,7,"Heartbeat",{}]', { isMessage: false, answer: { rawId: "7" } }],
    ["an unknown action", "2.0.1", '[2,"a","Teleport",{}]', { answer: { type: "error", code: "NotImplemented" } }],
    ["one of the CSMS's", "2.0.1", '[2,"a","Reset",{}]', { answer: { type: "error", code: "NotSupported" } }],
    ["no payload", "1.6", '[2,"a","Heartbeat"]', { kept: "quarantined", answer: { code: "ProtocolError" } }],
    ["no JSON", "1.6", "[2,", { kept: "quarantined", answer: null }],
    ["no JSON", "2.0.1", "[2,", { kept: "quarantined", answer: { rawId: '"-1"', code: "RpcFrameworkError" } }],
    ["a NUL at the end", "1.6", '[2,"a","Heartbeat",{}]\0', { kept: "exchange", isMessage: true }],
    ["a later type", "2.0.1", '[6,"a"]', { answer: { rawId: '"a"', code: "MessageTypeNotSupported" } }],
    ["a later type", "1.6", '[6,"a"]', { kept: "quarantined", answer: null }],
    ["the answer waited for", "1.6", `[3,"${someId}",{}]`, { kept: "commandResult", answer: null }],
    ["an empty id", "1.6", '[3,"",{}]', { kept: "commandResult" }],
    ["an answer to nothing", "1.6", '[3,"x",{}]', { kept: "quarantined", answer: null }],
    ["insane values", "1.6", '[2,"a","MeterValues",[]]', { fitsSchema: false, answer: { type: "result" } }],
  ])("%s (%s)", (_what, version, text, expected) => {
    expect(expectedOf({ version, ...heartbeat }, Buffer.from(text), someId)).toMatchObject(expected);
  });
});

function ledgerOf(faults: Faults, texts: readonly string[]): ConnectionLedger {
  const ledger = new ConnectionLedger("2.0.1", "CP", "conn-1", faults);
  for (const [n, text] of texts.entries()) {
    const bytes = Buffer.from(text);
    ledger.sent(`ref-${n}`, bytes, expectedOf({ version: "2.0.1", action: "Heartbeat" }, bytes, undefined));
  }
  return ledger;
}

const beat = '[2,"a","Heartbeat",{}]';
const goodAnswer = '[3,"a",{"currentTime":"2026-01-01T00:00:00Z"}]';

describe("the judge of answers", () => {
  test.each<[string, readonly string[], readonly string[], RegExp | undefined]>([
    ["a good answer", [beat], [goodAnswer], undefined],
    ["no answer", [beat], [], /never answered/],
    ["two answers", [beat], [goodAnswer, goodAnswer], /answers nothing/],
    ["an answer to nothing", ["[6]"], ['[3,"x",{}]'], /answers nothing/],
    ["a broken answer", [beat], ['[3,"a",{}]'], /breaks its schema/],
    ["an error for a good CALL", [beat], ['[4,"a","GenericError","",{}]'], /CALLRESULT was due/],
    ["three elements", ["[2,"], ['[4,"-1","RpcFrameworkError"]'], /five elements/],
    ["a made-up code", ["[2,"], ['[4,"-1","Oops","",{}]'], /code/],
    ["another code", ["[2,"], ['[4,"-1","GenericError","",{}]'], /RpcFrameworkError was due/],
    ["a repeat that is answered once", [beat, beat], [goodAnswer], undefined],
  ])("%s", (_what, sent, answers, sentence) => {
    const faults = new Faults();
    const ledger = ledgerOf(faults, sent);
    for (const text of answers) ledger.received(text, JSON.parse(text) as unknown[]);
    ledger.settle(ledger.entries.at(-1)!);
    const words = faults.first.map((fault) => fault.sentence).join("; ");
    expect(words).toMatch(sentence ?? nothing);
  });
});

const topics = makeTopics(1, 1);

/** A log that holds these, and a quarantine without rows. */
function sourceOf(bodies: readonly FrameBody[]): Source {
  const [party, station] = [trusted.party("DEWLG"), trusted.station("CP")];
  const envelope = { party, station, source: trusted.connection("conn-1"), arrivedAt: 0, keyId: null };
  const registry = { generation: 1, offset: 0 };
  const records = bodies.map((body, sequence) => {
    const value = encodeRecord({ ...envelope, sequence, registry, ...body });
    return { offset: sequence, logTime: 0, key: logKey(party, station), value };
  });
  const log = {
    topics,
    endOffset: async () => records.length,
    async *read() {
      if (records.length > 0) yield { topic: topics.frames, partition: 0, records };
    },
    close: async () => undefined,
  };
  const store = { snapshot: async () => [], close: async () => undefined };
  return { scratchIn: "", openLog: async () => log, openStore: async () => store } as unknown as Source;
}

describe("the judge of the log", () => {
  const exchange = (call: string, answer = goodAnswer): FrameBody => ({
    kind: "exchange",
    protocol: "ocpp2.0.1",
    action: "Heartbeat",
    messageId: "a",
    call: Buffer.from(call),
    answer: Buffer.from(answer),
    facts: {},
    annotations: [],
  });
  test.each<[string, readonly FrameBody[], RegExp | undefined]>([
    ["the frame is there", [exchange(beat)], undefined],
    ["the frame is missing", [], /not in the log/],
    ["another byte", [exchange(`${beat} `)], /never sent/],
    ["it is there twice", [exchange(beat), exchange(beat)], /never sent, or not so often/],
    ["with another answer", [exchange(beat, '[3,"a",{}]')], /not the one that came/],
    [
      "as something else",
      [{ kind: "quarantined", protocol: "ocpp2.0.1", reason: "notJson", bytes: Buffer.from(beat), answer: null }],
      /never sent/,
    ],
  ])("%s", async (_what, bodies, sentence) => {
    const faults = new Faults();
    const ledger = ledgerOf(faults, [beat]);
    ledger.received(goodAnswer, JSON.parse(goodAnswer) as unknown[]);
    ledger.settle(ledger.entries[0]!);
    await checkLog(sourceOf(bodies), [ledger], faults);
    const words = faults.first.map((fault) => fault.sentence).join("; ");
    expect(words).toMatch(sentence ?? nothing);
  });
});

describe("options", () => {
  test("as they are given, and defaults", () => {
    const asked = readOptions(["--frames", "5000", "--seed", "3", "--max-rss-growth", "150MB"]);
    expect(asked).toEqual({ frames: 5_000, seed: 3, maxRssGrowthMb: 150, replay: undefined });
    expect(readOptions([])).toMatchObject({ frames: 200_000, maxRssGrowthMb: 200 });
  });

  test.each([
    ["--frames", "10"],
    ["--frames", "many"],
    ["--max-rss-growth", "150"],
    ["--replay", "1.6/call/3"],
    ["--seed", "-1"],
    ["--oops", "1"],
  ])("%s %s is wrong use", (...words) => {
    expect(() => readOptions(words)).toThrow(WrongUse);
  });
});
