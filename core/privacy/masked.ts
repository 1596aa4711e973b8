// Documents as somebody may see them who may not see who charged: each token is a pseudonym wherever a member names one,
// and wherever else the same text stands in the same item; what may hold one and cannot be read is not shown at all.
import { jsonIn, visited, type Visitor } from "./token-places.ts";

const hidden = "***";

/** May name somebody in a way that nobody here reads: bytes, text of vendors, certificates, what a meter signed. */
const unread = new Set(["bytesBase64", "data", "exiRequest", "exiResponse", "certificate", "signedMeterData"]);
/** Text of a frame or a payload; one that is no JSON was not understood. */
const frames = new Set(["frame", "answer", "response", "lateResponse", "payload", "document"]);
/** Of 1.6, and of this API's readings. */
const signedValues = [
  ["format", "SignedData"],
  ["measurand", "wattlog.signedValue"],
] as const;

/** @param pseudonymOf of one party @returns `value` itself where nothing names anybody */
export function masked(value: unknown, pseudonymOf: (token: string) => string): unknown {
  const known = tokensIn(value, pseudonymOf);
  return visited(value, {
    token: (token) => known.get(token.toLowerCase()) ?? pseudonymOf(token),
    text: (text, name) => maskedText(text, name, known, pseudonymOf),
    member: (name, member, beside) => {
      if (name === "items" && Array.isArray(member)) return member.map((item) => masked(item, pseudonymOf));
      if (member === null || typeof member === "number") return undefined;
      if (unread.has(name)) return hidden;
      return name === "value" && signedValues.some(([by, word]) => beside[by] === word) ? hidden : undefined;
    },
  });
}

function maskedText(
  text: string,
  name: string,
  known: ReadonlyMap<string, string>,
  pseudonymOf: (token: string) => string,
): string {
  const json = jsonIn(text);
  if (json === undefined) return frames.has(name) && text !== "" && text !== hidden ? hidden : withKnown(text, known);
  const shown = masked(json, (token) => known.get(token.toLowerCase()) ?? pseudonymOf(token));
  const rest = visited(shown, { token: (token) => token, text: (other) => withKnown(other, known) });
  return rest === json ? text : JSON.stringify(rest);
}

/** Those that members name, also within JSON text and bytes, by their lower case. */
function tokensIn(value: unknown, pseudonymOf: (token: string) => string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  const visitor: Visitor = {
    token: (token) => {
      found.set(token.toLowerCase(), pseudonymOf(token));
      return token;
    },
    text: (text, name) => {
      const json = jsonIn(name === "bytesBase64" ? Buffer.from(text, "base64").toString("utf8") : text);
      if (json !== undefined) visited(json, visitor);
      return text;
    },
    // Items of a list are masked one by one: what one names is no reason to look for it in all others.
    member: (name, member) => (name === "items" ? member : undefined),
  };
  visited(value, visitor);
  return found;
}

/** Shorter ones are words of other texts too. */
const shortestInText = 4;

function withKnown(text: string, known: ReadonlyMap<string, string>): string {
  if (known.size === 0) return text;
  return text.replaceAll(/[^\s"'\\,;()<>[\]{}]+/g, (word) => {
    const [, core = "", end = ""] = /^(.*?)([.:!?]*)$/s.exec(word) ?? [];
    const pseudonym = core.length < shortestInText ? undefined : known.get(core.toLowerCase());
    return pseudonym === undefined ? word : `${pseudonym}${end}`;
  });
}
