// Rule B5: where the tables stand beyond the log's end, or on a record that it does not hold: the log was restored to an
// earlier hour, or is a copy that ended before.
import { firstOffsetOf } from "../../core/log/generations.ts";
import type { EventLog, Topic } from "../../core/log/log.ts";
import { fingerprintOf } from "../../core/store/position.ts";
import type { Store } from "../../core/store/store.ts";
import type { PositionRow } from "../../core/store/tables.ts";

export interface RestoredEnd {
  readonly role: string;
  readonly topic: string;
  readonly partition: number;
  /** Where the tables stand. */
  readonly next: number;
  /** Where the log ends. */
  readonly end: number;
  /** The log ends before, or holds another record there. */
  readonly why: "shorter" | "otherRecords";
}

/** Whoever follows a topic of this generation by a position of its own, but a rebuild. */
export async function restoredEnds(db: Store["reader"], log: EventLog): Promise<readonly RestoredEnd[]> {
  const rows = await db
    .selectFrom("position")
    .selectAll()
    .orderBy("role")
    .orderBy("topic")
    .orderBy("partition")
    .execute();
  const found: RestoredEnd[] = [];
  for (const row of rows) {
    const topic = topicOf(log, row.topic);
    if (!topic || row.role.startsWith("rebuild/")) continue;
    const end = await log.endOffset(topic, row.partition);
    const why = row.next > end ? "shorter" : "otherRecords";
    if (why === "shorter" || row.fingerprint !== (await fingerprintBefore(log, topic, row.partition, row.next))) {
      found.push({ role: row.role, topic: row.topic, partition: row.partition, next: row.next, end, why });
    }
  }
  return found;
}

/** As a position row has it of whoever has folded everything before `next`. */
export async function fingerprintBefore(log: EventLog, topic: Topic, partition: number, next: number): Promise<string> {
  if (next <= firstOffsetOf(topic)) return "";
  for await (const { records } of log.read(topic, partition, next - 1, next)) {
    const [record] = records;
    if (record) return fingerprintOf(record.value);
  }
  return "";
}

/**
 * Whoever follows beside the folds (pushes to partners) has told all that survives: it goes on at the end.
 * @param roles of the folds, which are rebuilt
 */
export async function moveFollowers(store: Store, log: EventLog, folds: readonly string[]): Promise<void> {
  for (const { role, topic: name, partition, end } of await restoredEnds(store.reader, log)) {
    if (folds.includes(role)) continue;
    const topic = topicOf(log, name)!;
    const to: Partial<PositionRow> = { next: end, fingerprint: await fingerprintBefore(log, topic, partition, end) };
    await store.transaction(async ({ db }) => {
      await db
        .updateTable("position")
        .set(to)
        .where("role", "=", role)
        .where("topic", "=", name)
        .where("partition", "=", partition)
        .execute();
    });
  }
}

function topicOf({ topics: { frames, events, registry } }: EventLog, name: string): Topic | undefined {
  return [frames, events, registry].find((topic) => topic.name === name);
}
