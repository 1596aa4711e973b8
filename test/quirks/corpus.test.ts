// What real stations sent, to a whole wattlog over real sockets: nothing crashes, stalls or gets lost, and each frame is
// met as the documents of the protocol want it. corpus-expected.json says how, and why where that is not plain.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import type { SessionView } from "../harness/rest.ts";
import { bootedStation, type TestStation } from "../harness/station.ts";
import { lastAnswer } from "../harness/wait.ts";
import { startWattlog, type Metrics, type Running } from "../harness/wattlog.ts";
import { noCorpus, readCorpus } from "./corpus.ts";
import { play, type Verdict } from "./player.ts";

interface Expected {
  readonly why?: string;
  /** By energy, then by time. */
  readonly sessions: readonly {
    readonly energyWh: number;
    readonly from: string;
    readonly to: string | null;
    readonly words: readonly string[];
  }[];
  /** By number of the frame, with a sentence where the verdict is not plain. */
  readonly frames: Readonly<Record<string, Verdict | readonly [Verdict, why: string]>>;
}

const expectations = JSON.parse(readFileSync(join(import.meta.dirname, "corpus-expected.json"), "utf8")) as Readonly<
  Record<string, Expected>
>;
const corpus = readCorpus();

/** Values of one metric, by its label. */
function countsIn(metrics: Metrics, name: string): Readonly<Record<string, number>> {
  const series = [...metrics].flatMap(([key, value]) => {
    const word = key.startsWith(`${name}{`) ? /annotation="(\w+)"/.exec(key)?.[1] : undefined;
    return word === undefined ? [] : [[word, value] as const];
  });
  return Object.fromEntries(series);
}

/** Of billing, and of a transaction that told no energy: the same for each session here. */
const ofEverySession = new Set(["noTariff", "noRegister"]);

function shown({ energyWh, startedAt, endedAt, annotations }: SessionView): Expected["sessions"][number] {
  const words = annotations.filter((word) => !ofEverySession.has(word)).toSorted();
  return { energyWh, from: startedAt, to: endedAt, words };
}

describe("the corpus of field frames", () => {
  let running: Running | undefined;
  let neighbour: TestStation;

  beforeAll(async () => {
    if (corpus === undefined) return;
    running = await startWattlog();
    neighbour = await bootedStation({ url: running.ocppUrl, id: "NEIGHBOUR" });
  });
  afterAll(() => running?.stop());

  test("each file of the corpus has its expectations, and no other", (context) => {
    if (corpus === undefined) context.skip(noCorpus);
    expect(corpus?.map(({ name }) => name)).toEqual(Object.keys(expectations).toSorted());
    expect(corpus?.length).toBeGreaterThan(0);
  });

  test.concurrent.each(corpus ?? [])("$name: $what", async (file) => {
    const { sessions, frames } = expectations[file.name]!;
    const station = `FIELD-${corpus!.indexOf(file)}`;
    const played = await play(file, running!, station);
    const verdicts = Object.entries(frames).map(([n, said]) => [n, typeof said === "string" ? said : said[0]]);
    expect(played.verdicts).toEqual(Object.fromEntries(verdicts));
    expect(played.logged).toEqual(played.sent);
    expect(played.unlikeLog).toEqual([]);
    const found = await running!.rest.sessionsOf(station);
    const inOrder = found.toSorted((a, b) => a.energyWh - b.energyWh || a.startedAt.localeCompare(b.startedAt));
    expect(inOrder.map(shown)).toEqual(sessions);
    expect(await neighbour.call("Heartbeat", {})).toHaveProperty("currentTime");
  });

  test("what was tolerated has been counted", async (context) => {
    if (corpus === undefined) context.skip(noCorpus);
    const words = Object.values(expectations).flatMap(({ sessions }) => sessions.flatMap((session) => session.words));
    // Of files that have no session to tell it on, or as no part of one: evcc#17585 and both starts of LeoAlioth.
    const all = [...words, "transactionIdInvalid", "reservationIdZero", "reservationIdZero"];
    const expected = Object.fromEntries(
      Object.entries(Object.groupBy(all, (word) => word)).map(([w, of]) => [w, of?.length]),
    );
    const counted = await lastAnswer(
      async () => countsIn(await running!.metrics(), "ocpp_session_annotations_total"),
      (counts) => Object.keys(expected).every((word) => (counts[word] ?? 0) >= expected[word]!),
    );
    expect(counted).toMatchObject(expected);
    expect(
      Object.keys(counted)
        .filter((word) => !ofEverySession.has(word))
        .toSorted(),
    ).toEqual(Object.keys(expected).toSorted());
  });
});
