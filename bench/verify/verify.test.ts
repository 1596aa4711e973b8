// The checker is tested: an honest run is clean, and each planted fault fails on the line that is there for it.
import { afterAll, beforeAll, expect, test } from "vitest";

import type { Store } from "../../core/store/store.ts";
import type { CdrReviewRow } from "../../core/store/tables.ts";
import type { JournalLine } from "../fleet/journal-format.ts";
import type { Check, VerifyReport } from "./report.ts";
import { commandId, run, type Run } from "./world.test-helper.ts";

const runs: Run[] = [];
let honest: Run;

async function runOf(...args: Parameters<typeof run>): Promise<Run> {
  const made = await run(...args);
  runs.push(made);
  return made;
}

beforeAll(async () => {
  honest = await runOf();
});
afterAll(() => {
  for (const made of runs) made.remove();
});

function line(report: VerifyReport, id: Check["id"]): Check {
  return report.checks.find((check) => check.id === id)!;
}

function failing(report: VerifyReport): readonly string[] {
  return report.checks.filter((check) => !check.ok).map((check) => check.id);
}

const changed = <Kind extends JournalLine["kind"]>(
  kind: Kind,
  change: (found: Extract<JournalLine, { kind: Kind }>) => readonly JournalLine[],
): readonly JournalLine[] =>
  honest.lines.flatMap((found) =>
    found.kind === kind ? change(found as Extract<JournalLine, { kind: Kind }>) : [found],
  );

test("an honest run is clean, and each line says how much it looked at", async () => {
  const report = await honest.judge(honest.lines);
  expect(failing(report), `checks: ${JSON.stringify(report.checks, undefined, 1)}`).toEqual([]);
  expect(report.ok).toBe(true);
  expect(report.checks.map((check) => check.id)).toEqual(["L1", "L2", "L3", "L4", "L5"]);
  expect(line(report, "L1")).toMatchObject({
    checked: 4,
    counts: { ok: 4, lost: 0, unexpected: 0, duplicated: 0, recovered: 0 },
  });
  expect(line(report, "L2").checked).toBe(4);
  expect(line(report, "L3")).toMatchObject({ checked: 1, counts: { billed: 1, energyWh: 1500 } });
  expect(line(report, "L4").checked).toBeGreaterThan(3);
  expect(line(report, "L4").counts["chains"]).toBe(1);
  expect(line(report, "L5")).toMatchObject({ checked: 1, counts: { reached: 1, accepted: 1 } });
});

// --- L1 ---

test("L1: a frame that was answered and dropped is lost", async () => {
  const dropped = await runOf((steps) => steps.filter((step) => step.name !== "Heartbeat"));
  const report = await dropped.judge(dropped.lines);
  expect(failing(report)).toEqual(["L1"]);
  expect(line(report, "L1")).toMatchObject({
    counts: { lost: 1, ok: 3 },
    problems: [expect.stringContaining("Heartbeat m4")],
  });
});

test("L1: an answer that came before its record was in the log is noticed by its time", async () => {
  const early = changed("answer", (answer) => [answer.id === "m2" ? { ...answer, t: answer.t - 500 } : answer]);
  const report = await honest.judge(early);
  expect(failing(report)).toEqual(["L1"]);
  expect(line(report, "L1").problems).toEqual([expect.stringMatching(/StartTransaction m2 .* answered 500 ms before/)]);
});

test("L1: another answer than the one in the log is noticed", async () => {
  const report = await honest.judge(
    changed("answer", (answer) => [answer.id === "m1" ? { ...answer, sha: "00" } : answer]),
  );
  expect(failing(report)).toEqual(["L1"]);
  expect(line(report, "L1").problems).toEqual([expect.stringContaining("another answer")]);
});

test("L1: a CALL that is in the log under two frame ids is doubled", async () => {
  const doubled = await runOf((steps) => [
    ...steps,
    { ...steps.find((step) => step.name === "Heartbeat")!, sequence: 99 },
  ]);
  const report = await doubled.judge(doubled.lines);
  expect(failing(report)).toEqual(["L1"]);
  expect(line(report, "L1").counts).toMatchObject({ duplicated: 1, lost: 0 });
});

test("L1: a repeat of a frame id is dropped and counted, and harms nobody", async () => {
  const repeated = await runOf((steps) => [...steps, steps.find((step) => step.name === "StartTransaction")!]);
  const report = await repeated.judge(repeated.lines);
  expect(failing(report)).toEqual([]);
  expect(line(report, "L1").counts).toMatchObject({ rawRepeats: 1, duplicated: 0 });
  expect(line(report, "L2").counts["skipped"]).toBeGreaterThanOrEqual(1);
});

test("L1: what the fleet never sent is unexpected", async () => {
  const unsent = honest.lines.filter((said) => !((said.kind === "call" || said.kind === "answer") && said.id === "m4"));
  const report = await honest.judge(unsent);
  expect(failing(report)).toEqual(["L1"]);
  expect(line(report, "L1")).toMatchObject({ checked: 3, counts: { unexpected: 1, ok: 3 } });
});

test("L1: a CALL that got no answer may be in the log or not; a CALL sent twice alike is one", async () => {
  const unanswered = changed("answer", (answer) => (answer.id === "m4" ? [] : [answer]));
  const report = await honest.judge([
    ...unanswered,
    ...unanswered.filter((said) => said.kind === "call").map((said) => ({ ...said, repeat: true as const })),
  ]);
  expect(failing(report)).toEqual([]);
  expect(line(report, "L1")).toMatchObject({ checked: 4, counts: { ok: 3, recovered: 1 } });
});

test("what stood in the log before the journal began is another run's", async () => {
  const later = honest.lines
    .filter((said) => said.kind === "header")
    .map((said) => ({ ...said, t: Date.now() + 60_000, declared: ["calls" as const] }));
  const t = Date.now() + 60_000;
  const report = await honest.judge([
    ...later,
    { kind: "connected", t, station: "SIM-000001", conn: "other", protocol: "1.6" },
  ]);
  expect(line(report, "L1").counts).toMatchObject({ unexpected: 0, ofEarlierRuns: 4 });
  expect(line(report, "L3").ok).toBe(true);
  expect(failing(report), "but nothing was proven").toEqual(["L1"]);
});

// --- L2 ---

test("L2: a record that has no fate, or two, is noticed", async () => {
  const made = await runOf();
  await made.tamper((store) =>
    store.transaction((tx) =>
      tx.db
        .updateTable("position")
        .set((eb) => ({ applied: eb("applied", "+", 1) }))
        .where("role", "=", "processor")
        .where("next", ">", 0)
        .execute(),
    ),
  );
  const report = await made.judge(made.lines);
  expect(failing(report)).toEqual(["L2"]);
  expect(line(report, "L2").problems).toEqual([expect.stringContaining("applied")]);
});

test("L2: a fold that has not come to the end is behind", async () => {
  const made = await runOf();
  await made.tamper((store) =>
    store.transaction((tx) =>
      tx.db
        .updateTable("position")
        .set((eb) => ({ next: eb("next", "-", 1), applied: eb("applied", "-", 1) }))
        .where("role", "=", "projector")
        .where("next", ">", 0)
        .execute(),
    ),
  );
  const report = await made.judge(made.lines);
  // Its tables are those of one event more: the rebuild up to where it says to stand differs as well.
  expect(failing(report)).toEqual(["L2", "L4"]);
  expect(line(report, "L2").problems).toEqual([expect.stringMatching(/projector of charging.events.* stands at/)]);
});

// --- L3 ---

test("L3: a CDR that is there twice is noticed", async () => {
  const made = await runOf();
  await made.tamper(async (store) => {
    const cdr = await store.reader.selectFrom("cdr").selectAll().executeTakeFirstOrThrow();
    await store.transaction((tx) => tx.insertNew("cdr", [{ ...cdr, id: "another" }]));
  });
  const report = await made.judge(made.lines);
  // The rebuild knows one only: L4 sees it, too.
  expect(failing(report)).toEqual(["L3", "L4"]);
  expect(line(report, "L3").problems).toContainEqual(expect.stringContaining("has 2 CDRs"));
});

test("L3: a wrong energy is noticed, in the transaction and in the sums", async () => {
  const report = await honest.judge(changed("txEnd", (end) => [{ ...end, meterStopWh: end.meterStopWh + 1 }]));
  expect(failing(report)).toEqual(["L3"]);
  expect(line(report, "L3").problems).toEqual([
    expect.stringContaining("the session says 1500 Wh, the meter 1501 Wh"),
    expect.stringContaining("the CDR says 1500 Wh"),
    expect.stringContaining("The CDRs bill 1500 Wh, the meters say 1501 Wh"),
  ]);
});

test("L3: an ended transaction without a session, and a session that nobody began, are noticed", async () => {
  const renamed = honest.lines.map((said) =>
    said.kind === "txId" || said.kind === "txEnd" ? { ...said, csmsTx: 4711 } : said,
  );
  const report = await honest.judge(renamed);
  expect(failing(report)).toEqual(["L3"]);
  const { problems } = line(report, "L3");
  expect(problems).toContainEqual(expect.stringContaining("ended and has no session"));
  expect(problems).toContainEqual(expect.stringContaining("was never begun"));
});

test("L3: a transaction that was given two ids is noticed", async () => {
  const report = await honest.judge(changed("txId", (said) => [said, { ...said, csmsTx: 4711 }]));
  expect(failing(report)).toEqual(["L3"]);
  expect(line(report, "L3").problems).toEqual([expect.stringContaining("several ids")]);
});

test("L3: a recorded reason stands for a CDR, its absence does not", async () => {
  const made = await runOf();
  const set = (cdr_reason: string | null) => (store: Parameters<Parameters<Run["tamper"]>[0]>[0]) =>
    store.transaction(async (tx) => {
      await tx.db.deleteFrom("cdr").execute();
      await tx.db.updateTable("session").set({ cdr_reason }).execute();
    });
  await made.tamper(set("settling"));
  const withReason = await made.judge(made.lines);
  expect(line(withReason, "L3")).toMatchObject({ ok: true, counts: { reason_settling: 1 } });
  await made.tamper(set(null));
  const without = await made.judge(made.lines);
  expect(line(without, "L3").problems).toEqual([expect.stringContaining("neither a CDR nor a reason")]);
});

test("L3: a person's correction is a recorded reason for another energy; the CDR's own word for it is none", async () => {
  const made = await runOf();
  await made.tamper(async (store) => {
    const { document } = await store.reader.selectFrom("cdr").select("document").executeTakeFirstOrThrow();
    const cdr = { ...(JSON.parse(document) as object), energyMwh: 7_000, annotations: ["correctedByReview"] };
    await store.transaction((tx) =>
      tx.db
        .updateTable("cdr")
        .set({ energy_mwh: 7_000, document: JSON.stringify(cdr) })
        .execute(),
    );
  });
  const alone = await made.judge(made.lines);
  expect(line(alone, "L3").problems).toContainEqual(expect.stringContaining("the CDR says 7 Wh"));
  await made.tamper((store) =>
    store.transaction(async (tx) => tx.insertNew("cdr_review", [await correctionOf(store)])),
  );
  const decided = await made.judge(made.lines);
  expect(line(decided, "L3")).toMatchObject({ ok: true, counts: { correctedByReview: 1, billed: 1 } });
});

async function correctionOf(store: Store): Promise<CdrReviewRow> {
  const { table_set, partition, id, session_id, party, station, last_updated } = await store.reader
    .selectFrom("cdr")
    .selectAll()
    .executeTakeFirstOrThrow();
  const decision = {
    of: "held",
    action: "correct",
    actor: "somebody",
    why: "the meter was exchanged",
    at: last_updated,
  };
  const decisions = JSON.stringify([decision]);
  const place = { table_set, partition, id, session_id, party, station, last_updated };
  return { ...place, state: "corrected", reasons: "[]", document: null, decisions, held_at: null };
}

// --- L4 ---

test("L4: a row that does not follow from the log is noticed", async () => {
  const made = await runOf();
  await made.tamper((store) =>
    store.transaction((tx) => tx.db.updateTable("session").set({ stop_reason: "Other" }).execute()),
  );
  const report = await made.judge(made.lines);
  expect(failing(report)).toEqual(["L4"]);
  expect(line(report, "L4").problems).toEqual([
    expect.stringContaining("session differs from its rebuild: 1 rows are live, 1 come from the log"),
    expect.stringMatching(/^session [-0-9a-f]{36}: stop_reason is Other live and \w+ from the log$/),
  ]);
});

// --- L5 ---

test("L5: a command that reached a station twice is noticed", async () => {
  const report = await honest.judge(changed("command", (command) => [command, command]));
  expect(failing(report)).toEqual(["L5"]);
  expect(line(report, "L5").problems).toEqual([expect.stringContaining(`${commandId} reached SIM-000001 2 times`)]);
});

test("L5: a command that was sent twice, says the log, is noticed", async () => {
  const made = await runOf((steps) => [
    ...steps,
    { ...steps.find((step) => step.name === "commandSent")!, sequence: 99 },
  ]);
  const report = await made.judge(made.lines);
  expect(failing(report)).toEqual(["L5"]);
  expect(line(report, "L5").problems).toEqual([expect.stringContaining("was sent 2 times, says the log")]);
});

test("a simulator that was killed may not have noted an end and an answer; what it noted still counts", async () => {
  const cut = honest.lines.filter((said) => !["txEnd", "commandAnswer", "end", "requested"].includes(said.kind));
  const report = await honest.judge(cut);
  expect(line(report, "L5")).toMatchObject({ ok: true, counts: { reached: 1, answerNotNoted: 1 } });
  expect(line(report, "L3").problems).toEqual([expect.stringContaining("nothing was proven")]);
  expect(line(report, "L1").ok).toBe(true);
  const ended = honest.lines.filter((said) => said.kind !== "txEnd");
  expect(line(await honest.judge(ended), "L3").problems).toContainEqual(
    expect.stringContaining("has a CDR and has not ended"),
  );
});

test("L5: an outcome that is not what the station said is noticed", async () => {
  const report = await honest.judge(changed("commandAnswer", (answer) => [{ ...answer, status: "Rejected" }]));
  expect(failing(report)).toEqual(["L5"]);
  expect(line(report, "L5").problems).toEqual([expect.stringContaining("the station rejected it")]);
});

test("L5: an answer that the station never gave is noticed, in the log and in the table", async () => {
  const report = await honest.judge(changed("commandAnswer", () => []));
  expect(failing(report)).toEqual(["L5"]);
  expect(line(report, "L5").problems).toEqual([
    expect.stringContaining("that it never gave"),
    expect.stringContaining("the station gave another answer, or none"),
  ]);
});

test("L5: an outcome that says it never left, for a command that arrived, is noticed", async () => {
  const made = await runOf();
  await made.tamper((store) =>
    store.transaction((tx) => tx.db.updateTable("command").set({ outcome: "not_connected" }).execute()),
  );
  const report = await made.judge(made.lines);
  expect(line(report, "L5").problems).toContainEqual(expect.stringContaining("it reached the station"));
});

test("L5: a command without an end, and one that is not known, are noticed", async () => {
  const made = await runOf();
  await made.tamper((store) =>
    store.transaction((tx) => tx.db.updateTable("command").set({ status: "sent", outcome: null }).execute()),
  );
  const report = await made.judge(made.lines);
  expect(line(report, "L5").problems).toEqual([expect.stringContaining("has not ended")]);
  const unknown = await honest.judge(
    changed("requested", (said) => [said, { ...said, commandId: "5a0c0d7e-0d4e-4a6e-9d0a-0c1f1b5f0001" }]),
  );
  expect(line(unknown, "L5").problems).toEqual([expect.stringContaining("has no row")]);
});

// --- nothing checked ---

test("an empty journal proves nothing: every line that the journal declares fails", async () => {
  const nothing = await honest.judge(honest.lines.filter((said) => said.kind === "header"));
  expect(failing(nothing)).toEqual(["L1", "L3", "L5"]);
  for (const id of ["L1", "L3", "L5"] as const) {
    // The stations of this journal are none, so nothing of the log is theirs.
    expect(line(nothing, id)).toMatchObject({ checked: 0, problems: [expect.stringContaining("nothing was proven")] });
  }
  expect((await honest.judge([])).ok, "no line at all").toBe(false);
});

test("a kind that the journal does not declare may be missing", async () => {
  const callsOnly = honest.lines
    .filter(
      (said) =>
        !said.kind.startsWith("tx") &&
        said.kind !== "commandAnswer" &&
        said.kind !== "command" &&
        said.kind !== "requested",
    )
    .map((said) => (said.kind === "header" ? { ...said, declared: ["calls" as const, "answers" as const] } : said));
  const report = await honest.judge(callsOnly.filter((said) => said.kind === "header" || "station" in said));
  expect(line(report, "L1").ok).toBe(true);
  // What the log holds beyond the journal still counts: a session and a command that nobody noted.
  expect(failing(report)).toEqual(["L3", "L5"]);
});
