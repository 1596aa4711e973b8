// L2: each partition's stored position equals its end offset once quiet, and every record up to it has one fate.
import { allGenerations, firstOffsetOf } from "../../core/log/generations.ts";
import type { EventLog, Topic } from "../../core/log/log.ts";
import type { Store } from "../../core/store/store.ts";
import type { PositionRow } from "../../core/store/tables.ts";
import { Findings, type Check } from "./report.ts";

/** What the check needs of a store; one that is opened read-only has it. */
export type StoreReader = Pick<Store, "reader" | "snapshot">;

interface Expected {
  readonly role: PositionRow["role"];
  readonly topic: Topic;
}

export interface Stand {
  readonly role: string;
  readonly topic: string;
  readonly partition: number;
  /** Offset of its first record: of its generation's. */
  readonly first: number;
  readonly end: number;
  readonly row: PositionRow | undefined;
}

export interface Quiet {
  readonly stands: readonly Stand[];
  /** Events that the processor has concluded and not yet put into the log. */
  readonly outbox: number;
  /** Commands without an end. */
  readonly openCommands: number;
}

const pollMs = 200;

/** Looks until the folds stand at the ends, nothing waits in the outbox and no command is open; at most `settleMs`. */
export async function waitUntilQuiet(log: EventLog, store: StoreReader, settleMs: number): Promise<Quiet> {
  const until = performance.now() + settleMs;
  for (;;) {
    const quiet = await look(log, store);
    if (isQuiet(quiet) || performance.now() >= until) return quiet;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

function isQuiet({ stands, outbox, openCommands }: Quiet): boolean {
  return outbox === 0 && openCommands === 0 && stands.every(({ row, first, end }) => (row?.next ?? first) === end);
}

async function look(log: EventLog, store: StoreReader): Promise<Quiet> {
  const expected: readonly Expected[] = allGenerations(log).flatMap(({ frames, events }) => [
    { role: "processor", topic: frames },
    { role: "projector", topic: events },
  ]);
  const { rows, outbox, openCommands } = await store.snapshot(async (db) => ({
    rows: await db.selectFrom("position").selectAll().execute(),
    outbox: await db
      .selectFrom("live_outbox")
      .select((eb) => eb.fn.sum<number | null>("count").as("n"))
      .executeTakeFirstOrThrow(),
    openCommands: await db
      .selectFrom("live_command")
      .select((eb) => eb.fn.countAll<number>().as("n"))
      .where("status", "!=", "done")
      .executeTakeFirstOrThrow(),
  }));
  const stands: Stand[] = [];
  for (const { role, topic } of expected) {
    for (let partition = 0; partition < topic.partitions; partition++) {
      const row = rows.find((r) => r.role === role && r.topic === topic.name && r.partition === partition);
      const end = await log.endOffset(topic, partition);
      stands.push({ role, topic: topic.name, partition, first: firstOffsetOf(topic), end, row });
    }
  }
  return { stands, outbox: outbox.n ?? 0, openCommands: openCommands.n };
}

export function checkPositions({ stands, outbox }: Quiet): Check {
  const findings = new Findings();
  let records = 0;
  for (const { role, topic, partition, first, end, row } of stands) {
    records += end - first;
    const name = `${role} of ${topic}/${partition}`;
    const next = row?.next ?? first;
    if (next !== end) findings.problem("behind", () => `${name} stands at ${next}, the log ends at ${end}.`);
    if (!row) continue;
    const { applied, skipped, quarantined, parked } = row;
    for (const [fate, count] of Object.entries({ applied, skipped, quarantined, parked })) {
      if (count !== 0 || fate === "applied") findings.count(fate, count);
    }
    const sum = applied + skipped + quarantined + parked;
    if (sum !== next - first) {
      findings.problem(
        "fates",
        () =>
          `${name}: ${applied} applied + ${skipped} skipped + ${quarantined} quarantined + ${parked} parked is ${sum}, not ${next - first}.`,
      );
    }
  }
  if (outbox > 0) findings.problem("outbox", () => `${outbox} events wait in the outbox and are not in the log.`);
  if (records === 0) findings.problem("empty", () => "The log is empty: nothing was proven.");
  findings.count("records", records);
  return findings.check("L2", "positions against the log's ends", stands.length);
}
