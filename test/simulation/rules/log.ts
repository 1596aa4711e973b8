// Held to `ocpp.frames` at the end: L1 and I2.
import type { FrameRecord } from "../../../core/records/frame-record.ts";
import type { Fact, Journal } from "../journal.ts";

/** By source, what a fold does not drop as a repeat, in log order; what is acknowledged is never among what it drops. */
function effective(journal: Journal, facts: readonly Fact[]): Map<string, Fact[]> {
  const bySource = new Map<string, Fact[]>();
  for (const fact of facts) {
    const { station, source, sequence } = fact.record;
    const key = `${station} ${source}`;
    let kept = bySource.get(key);
    if (!kept) bySource.set(key, (kept = []));
    if (!fact.isRepeat) {
      kept.push(fact);
      continue;
    }
    const before = kept;
    const isThere = (): boolean =>
      before.some(({ record, stored }) => record.sequence === sequence && isSame(stored.value, fact.stored.value));
    journal.check("I2", !fact.stored.acknowledged || isThere(), () => {
      return `${describe(fact.record)} of ${source} was acknowledged at ${fact.stored.offset}, behind a later one of its source.`;
    });
  }
  return bySource;
}

const isSame = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;
const describe = (record: FrameRecord): string => `${record.kind} ${record.sequence}`;
const textOf = (record: FrameRecord): string => (record.kind === "exchange" ? Buffer.from(record.call).toString() : "");

export function checkLog(journal: Journal): void {
  for (const facts of journal.facts) {
    for (const [key, kept] of effective(journal, facts)) {
      const [, source = ""] = key.split(" ");
      if (journal.callsOf.has(source)) checkPrefix(journal, source, kept);
    }
    checkTimes(journal, facts);
    checkSuperseded(journal, facts);
  }
  checkAnswered(journal);
}

/** What stands there of a connection is what the station said first on it, without a hole (rule I2). */
function checkPrefix(journal: Journal, connection: string, kept: readonly Fact[]): void {
  const said = [...new Set(journal.callsOf.get(connection)?.map(({ text }) => text))];
  const held = kept.filter(({ record }) => record.kind === "exchange").map(({ record }) => textOf(record));
  const at = held.findIndex((text, index) => text !== said[index]);
  journal.check(
    "I2",
    at < 0,
    () => `On ${connection} the log has ${held[at]} where the station said ${String(said[at])}.`,
  );
}

function checkTimes(journal: Journal, facts: readonly Fact[]): void {
  const falls = facts.find(({ stored }, at) => at > 0 && stored.logTime < facts[at - 1]!.stored.logTime);
  journal.check("T1", falls === undefined, () => `Log time falls at ${String(falls?.stored.offset)}.`);
}

/** Only a younger connection that was claimed takes a station from another one (rule I4). */
function checkSuperseded(journal: Journal, facts: readonly Fact[]): void {
  const epochs = new Map<string, number>();
  const claimed = new Map<string, number>();
  for (const { record, stored, isRepeat } of facts) {
    if (isRepeat) continue;
    const { source, station } = record;
    if (record.kind === "connected") epochs.set(source, stored.offset);
    const epoch = epochs.get(source) ?? 0;
    if (record.kind === "claimed") claimed.set(station, Math.max(epoch, claimed.get(station) ?? 0));
    if (record.kind !== "disconnected" || record.reason !== "superseded") continue;
    const isRight = (claimed.get(station) ?? 0) > epoch;
    journal.check("I4", isRight, () => `${source} of ${station} was closed for another one, and none is younger.`);
  }
}

/** L1: each answered CALL once, unanswered ones at most once, nothing else. */
function checkAnswered(journal: Journal): void {
  for (const { connection, id, text, answers } of journal.calls) {
    const facts = (journal.exchanges.get(`${connection} ${id}`) ?? []).filter(({ record }) => textOf(record) === text);
    const frames = new Set(facts.map(({ record }) => record.sequence)).size;
    const isRight = answers.length > 0 ? frames === 1 : frames <= 1;
    journal.check("L1", isRight, () => `${id} on ${connection} has ${answers.length} answers and ${frames} records.`);
    journal.check("L1", new Set(answers).size <= 1, () => `${id} on ${connection} got answers that differ.`);
  }
  for (const [key, facts] of journal.exchanges) {
    const [connection = "", id] = key.split(" ");
    const known = journal.callsOf.get(connection)?.filter((call) => call.id === id) ?? [];
    const stranger = facts.find(({ record }) => !known.some(({ text }) => text === textOf(record)));
    journal.check("L1", stranger === undefined, () => `The log has ${key}, which no station said.`);
  }
}
