// Where documents name who charged: members that hold an idToken, by the names that OCPP, OCPI and this API's rows have for
// them. One table for whoever hides, seals or counts tokens, so that a name forgotten in one is forgotten in none.

type Members = Readonly<Record<string, unknown>>;

/** Text is a token, or an object that holds one under the same names (`idToken: {idToken, type}`). */
const tokenNames = new Set([
  "idToken",
  "idTag",
  "parentIdTag",
  "groupIdToken",
  "additionalIdToken",
  "idTags",
  "uids",
  "groupId",
  "group_id",
  "contractId",
  "contract_id",
  "visual_number",
  "visualNumber",
  "auth_id",
  "emaid",
  "eMAID",
]);

/** A token's document has one of these beside its `uid`; an EVSE, which has a `uid` too, has none. */
const besideUid = ["contractId", "contract_id", "auth_id", "whitelist"];

export interface Visitor {
  /** A token, under whatever name. */
  readonly token: (token: string) => string;
  /** Any other text, with the name of the nearest member that holds it. */
  readonly text: (text: string, name: string) => string;
  /** Before a member is looked into: something else in its place; undefined: it is looked into. */
  readonly member?: (name: string, value: unknown, beside: Members) => unknown;
}

/** Every text of it, through the visitor. @returns `value` itself where nothing changed */
export function visited(value: unknown, visitor: Visitor, name = ""): unknown {
  if (typeof value === "string") return visitor.text(value, name);
  if (Array.isArray(value)) return items(value, (item) => visited(item, visitor, name));
  if (typeof value !== "object" || value === null || Buffer.isBuffer(value)) return value;
  const of = value as Members;
  const shown = Object.entries(of).map(([key, member]): [string, unknown] => {
    const instead = visitor.member?.(key, member, of);
    if (instead !== undefined) return [key, instead];
    return [key, isTokenName(key, of) ? tokens(member, visitor, key) : visited(member, visitor, key)];
  });
  return shown.every(([key, member]) => member === of[key]) ? of : Object.fromEntries(shown);
}

function tokens(value: unknown, visitor: Visitor, name: string): unknown {
  if (typeof value === "string") return value === "" ? value : visitor.token(value);
  if (Array.isArray(value)) return items(value, (item) => tokens(item, visitor, name));
  return visited(value, visitor, name);
}

function isTokenName(name: string, beside: Members): boolean {
  return tokenNames.has(name) || (name === "uid" && besideUid.some((other) => other in beside));
}

function items(of: readonly unknown[], show: (item: unknown) => unknown): readonly unknown[] {
  const shown = of.map(show);
  return shown.every((item, at) => item === of[at]) ? of : shown;
}

/** The JSON that a text holds: a frame, a payload. undefined: it is other text. */
export function jsonIn(text: string): unknown {
  if (!/^\s*[[{]/.test(text)) return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
