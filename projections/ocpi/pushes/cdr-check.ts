// After a resync: whether a partner still has a CDR that it took, as it was sent (2.2.1, CDRs, GET at the stored Location). Pure.
import { isMembers } from "../values.ts";
import { envelopeIn } from "./verdict.ts";

/** Elsewhere nobody is asked: our token goes with the question. */
export function isAtPartner(location: string, receiver: string): boolean {
  return URL.parse(location)?.origin === URL.parse(receiver)?.origin;
}

/**
 * @param answer body of the GET's answer
 * @param sent JSON. Whatever it has must be in the answer; what the partner adds, and how it writes numbers and times, is its own.
 */
export function holds(answer: string, sent: string): boolean {
  const held = envelopeIn(answer)?.["data"];
  return isMembers(held) && covers(held, JSON.parse(sent));
}

function covers(held: unknown, sent: unknown): boolean {
  if (Array.isArray(sent)) {
    return Array.isArray(held) && held.length === sent.length && sent.every((item, n) => covers(held[n], item));
  }
  if (isMembers(sent)) return isMembers(held) && Object.entries(sent).every(([name, item]) => covers(held[name], item));
  return held === sent || (isTime(sent) && isTime(held) && Date.parse(held) === Date.parse(sent));
}

function isTime(value: unknown): value is string {
  return typeof value === "string" && /^\d{4}-\d{2}-\d{2}T[\d:.]+Z?$/.test(value);
}
