// Held to everything that a gateway writes to a socket, in the turn in which it does so.
import type { FrameRecordOf } from "../../../core/records/frame-record.ts";
import type { Fact, Journal } from "../journal.ts";
import type { Line } from "../network.ts";

/** Promise 1, and rules C1-C3. */
export function checkWritten(journal: Journal, line: Line, text: string): void {
  const [type, id] = JSON.parse(text) as [number, string];
  if (type === 2) checkCommand(journal, line.connectionId, id, text);
  else checkAnswer(journal, line.connectionId, id, text);
}

/** The record that holds the CALL, and this very answer, has been acknowledged to whoever answers. */
function checkAnswer(journal: Journal, connection: string, id: string, text: string): void {
  const facts = journal.exchanges.get(`${connection} ${id}`) ?? [];
  const holds = facts.some(({ stored, record }) => stored.acknowledged && answerOf(record) === text);
  journal.check("promise 1", holds, () => {
    const what = facts.length === 0 ? "is not in the log" : "was not acknowledged, or holds another answer";
    return `${id} was answered on ${connection}, but its record ${what}.`;
  });
}

function answerOf(record: Fact["record"]): string | undefined {
  return record.kind === "exchange" && record.answer ? Buffer.from(record.answer).toString() : undefined;
}

function checkCommand(journal: Journal, connection: string, id: string, text: string): void {
  const facts = journal.commandFacts.get(id) ?? [];
  const requested = ofKind(facts, "commandRequested")[0];
  const bound = ofKind(facts, "commandBound")[0];
  const isBound = requested?.record.connectionId === null;
  journal.check("C1", requested !== undefined, () => `${id} reached a socket and was never requested.`);
  if (!requested) return;
  const { action, payload, timeoutMs } = requested.record;
  const frame = JSON.parse(text) as unknown[];
  const isFirst = frame[2] === action && JSON.stringify(frame[3]) === Buffer.from(payload).toString();
  journal.check(
    "C1",
    isFirst,
    () => `${id} reached a socket as ${String(frame[2])}, but the first request is ${action}.`,
  );
  const to = isBound ? bound?.record.connectionId : requested.record.connectionId;
  journal.check("C2", to === connection, () => `${id} is bound to ${String(to)} and was written to ${connection}.`);
  const deadline = (isBound ? (bound?.stored.logTime ?? 0) : requested.stored.logTime) + timeoutMs;
  const sent = ofKind(facts, "commandSent").filter(
    ({ stored, record }) => record.connectionId === connection && stored.acknowledged,
  );
  journal.check("C3", sent.length > 0, () => `${id} was written before its commandSent was durable.`);
  const inTime = sent.some(({ stored }) => stored.logTime < deadline);
  journal.check("C3", inTime, () => `${id} was written although its commandSent came after its deadline.`);
  const written = (journal.written.get(id) ?? 0) + 1;
  journal.written.set(id, written);
  journal.check("C3", written === 1, () => `${id} was written to a socket ${written} times.`);
}

export function ofKind<
  Kind extends "commandRequested" | "commandBound" | "commandSent" | "commandResult" | "commandEnded",
>(facts: readonly Fact[], kind: Kind): { readonly stored: Fact["stored"]; readonly record: FrameRecordOf<Kind> }[] {
  return facts.filter((fact): fact is Fact & { readonly record: FrameRecordOf<Kind> } => fact.record.kind === kind);
}
