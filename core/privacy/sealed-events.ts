// Events that name who charged: those names alone are sealed, wherever the body has them. Energy, times and money stay as they
// are, and so does the chain, which is over the ids of what caused the events (rule F5).
import type { PartyId } from "../ids/ids.ts";
import { decodeEvent, encodeEvent, type EventBody } from "../records/domain-event.ts";
import type { SealingKey } from "./key-store.ts";
import { erased, mayBeSealed, sealText } from "./sealed-text.ts";
import type { Sealing } from "./sealing.ts";
import { jsonIn, visited, type Visitor } from "./token-places.ts";

/** JSON as text, in bodies of events. */
const texts = new Set(["payload", "response", "document"]);

/** @returns `bytes` itself where it names nobody. @throws WattlogError `store/…` */
export async function sealedEvent(sealing: Sealing, bytes: Uint8Array): Promise<Uint8Array> {
  const event = decodeEvent(bytes);
  const tokens = tokensIn(event.body);
  if (tokens.size === 0) return bytes;
  const keys = await keysOf(sealing, event.party, tokens);
  const [first] = keys.values();
  return encodeEvent({ ...event, keyId: first!.id, body: sealedBody(event.body, keys) });
}

/** @returns `bytes` itself where nothing in it is sealed. @throws WattlogError `store/…` */
export async function openedEvent(sealing: Sealing, bytes: Uint8Array): Promise<Uint8Array> {
  if (!mayBeSealed(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1"))) return bytes;
  const event = decodeEvent(bytes);
  const sealed: string[] = [];
  visited(
    event.body,
    everyText((text) => (sealed.push(text), text)),
  );
  const open = await sealing.opener(sealed);
  return encodeEvent({ ...event, body: visited(event.body, everyText(open)) as EventBody });
}

/** The event but for who charged, sealed or not: of two that are alike in all else the same. */
export function withoutSubjects(bytes: Uint8Array): Uint8Array {
  const event = decodeEvent(bytes);
  const nobody = () => "";
  return encodeEvent({ ...event, keyId: null, body: mapped(event.body, nobody, nobody) });
}

function tokensIn(body: EventBody): ReadonlySet<string> {
  const found = new Set<string>();
  mapped(body, (token) => {
    // A CDR that was held when who charged was erased is issued without.
    if (token !== erased) found.add(token);
    return token;
  });
  return found;
}

async function keysOf(sealing: Sealing, party: PartyId, tokens: ReadonlySet<string>) {
  const keys = new Map<string, SealingKey>();
  for (const token of tokens) keys.set(token, await sealing.keyOf(party, token));
  return keys;
}

function sealedBody(body: EventBody, keys: ReadonlyMap<string, SealingKey>): EventBody {
  const owner = keys.get(ownerOf(body) ?? "");
  const signed = owner && ((data: string) => sealText(owner, data));
  const sealed = (token: string) => {
    const key = keys.get(token);
    return key ? sealText(key, token) : token;
  };
  return mapped(body, sealed, signed);
}

/** Whose CDR it is. */
function ownerOf(body: EventBody): string | null {
  return body.kind === "cdrIssued" || body.kind === "cdrHeld" ? body.cdr.idToken : null;
}

/** @param signed of what a meter signed, which names who charged in ways of its own */
function mapped(body: EventBody, token: (text: string) => string, signed?: (data: string) => string): EventBody {
  const visitor: Visitor = {
    token,
    text: (text, name) => {
      const json = texts.has(name) ? jsonIn(text) : undefined;
      if (json === undefined) return text;
      const shown = visited(json, visitor);
      return shown === json ? text : JSON.stringify(shown);
    },
    ...(signed && {
      member: (name, value, beside) =>
        name === "data" && "nature" in beside && typeof value === "string" ? signed(value) : undefined,
    }),
  };
  return visited(body, visitor) as EventBody;
}

function everyText(show: (text: string) => string): Visitor {
  return { token: show, text: show };
}
