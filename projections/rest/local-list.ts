// A local authorisation list as messages (1.6 §5.15, 2.0.1 D01): which entries it has, what a station has by what it was sent,
// and how the way from one to the other is split. Pure: local-list-sync.ts goes it.
import type { Protocol } from "../../core/records/frame-record.ts";
import { tokenKey, type TokenDoc } from "../../core/registry/entities.ts";

/** By `tokenKey` of its text. */
export type Entries = ReadonlyMap<string, Entry>;

interface Entry {
  /** 1.6 AuthorizationData, 2.x AuthorizationData. */
  readonly data: object;
  /** The same without its info: that takes it out of the list. */
  readonly removal: object;
}

export interface ListMessage {
  readonly updateType: "Full" | "Differential";
  /** Of the list once it has this. */
  readonly version: number;
  readonly items: readonly object[];
}

const longestIdTag = 20;
const longestIdToken = 36;

/** 2.0.1 IdTokenEnumType of what registry and OCPI know; cards do not say which kind they are. */
const idTokenTypes: Readonly<Record<TokenDoc["type"], string>> = {
  RFID: "ISO14443",
  EMAID: "eMAID",
  APP_USER: "Central",
  AD_HOC_USER: "Central",
  OTHER: "Central",
};

/** NEVER: OCPI wants such a token asked for each time. One that is too long for the version cannot be told. */
export function entriesOf(protocol: Protocol, tokens: Iterable<TokenDoc>, now: number): Entries {
  const entries = new Map<string, Entry>();
  const longest = protocol === "ocpp1.6" ? longestIdTag : longestIdToken;
  for (const token of tokens) {
    if (token.whitelist === "NEVER" || token.uid.length > longest) continue;
    entries.set(tokenKey(token.uid), protocol === "ocpp1.6" ? entry16(token, now) : entry2x(token, now));
  }
  return entries;
}

function entry16(token: TokenDoc, now: number): Entry {
  const { uid: idTag, groupId, expiresAt } = token;
  const idTagInfo = {
    status: statusOf(token, now),
    ...(expiresAt === undefined ? {} : { expiryDate: new Date(expiresAt).toISOString() }),
    ...(groupId === undefined || groupId.length > longestIdTag ? {} : { parentIdTag: groupId }),
  };
  return { data: { idTag, idTagInfo }, removal: { idTag } };
}

function entry2x(token: TokenDoc, now: number): Entry {
  const { uid, groupId, expiresAt } = token;
  const idToken = { idToken: uid, type: idTokenTypes[token.type] };
  const idTokenInfo = {
    status: statusOf(token, now),
    ...(expiresAt === undefined ? {} : { cacheExpiryDateTime: new Date(expiresAt).toISOString() }),
    ...(groupId === undefined ? {} : { groupIdToken: { idToken: groupId, type: "Central" } }),
  };
  return { data: { idToken, idTokenInfo }, removal: { idToken } };
}

/** The same words in every version. */
function statusOf({ valid, expiresAt }: TokenDoc, now: number): "Accepted" | "Blocked" | "Expired" {
  if (!valid) return "Blocked";
  return expiresAt !== undefined && Date.parse(expiresAt) <= now ? "Expired" : "Accepted";
}

// --- what a station has ---

interface Payload {
  readonly updateType?: unknown;
  readonly listVersion?: unknown;
  readonly versionNumber?: unknown;
  readonly localAuthorizationList?: readonly Item[];
}

interface Item {
  readonly idTag?: string;
  readonly idTagInfo?: object;
  readonly idToken?: { readonly idToken: string };
  readonly idTokenInfo?: object;
}

export interface Held {
  readonly version: number;
  /** The entry's data as text, by key. */
  readonly entries: ReadonlyMap<string, string>;
}

export function versionOf(payload: object): number {
  const { listVersion, versionNumber } = payload as Payload;
  const version = listVersion ?? versionNumber;
  return typeof version === "number" ? version : 0;
}

/**
 * @param accepted payloads of SendLocalList that the station accepted, the newest first
 * @returns undefined where they do not reach back to a full list: then nobody knows what is in it.
 */
export function heldAfter(accepted: readonly object[]): Held | undefined {
  const full = accepted.findIndex((payload) => (payload as Payload).updateType === "Full");
  if (full < 0) return undefined;
  const entries = new Map<string, string>();
  for (const payload of accepted.slice(0, full + 1).toReversed()) {
    for (const item of (payload as Payload).localAuthorizationList ?? []) {
      const key = tokenKey(item.idTag ?? item.idToken?.idToken ?? "");
      if (item.idTagInfo ?? item.idTokenInfo) entries.set(key, JSON.stringify(item));
      else entries.delete(key);
    }
  }
  return { version: versionOf(accepted[0]!), entries };
}

// --- from there to the list ---

/** Items of a differential update. */
export function difference(protocol: Protocol, held: Held, wanted: Entries): readonly object[] {
  const changed = [...wanted].filter(([key, { data }]) => held.entries.get(key) !== JSON.stringify(data));
  const gone = [...held.entries].filter(([key]) => !wanted.has(key));
  return [...gone.map(([, text]) => withoutInfo(protocol, text)), ...changed.map(([, { data }]) => data)];
}

function withoutInfo(protocol: Protocol, text: string): object {
  const { idTag, idToken } = JSON.parse(text) as Item;
  return protocol === "ocpp1.6" ? { idTag } : { idToken };
}

export interface MessageLimits {
  readonly items: number;
  /** Of a message's items as JSON. */
  readonly chars: number;
}

/** A full list that is too long for one message goes on as differential updates, each with a version of its own. */
export function messagesOf(
  updateType: ListMessage["updateType"],
  items: readonly object[],
  after: number,
  limits: MessageLimits,
): readonly ListMessage[] {
  const batches: object[][] = [];
  let chars = Infinity;
  for (const item of items) {
    const size = JSON.stringify(item).length + 1;
    if (chars + size > limits.chars || batches.at(-1)!.length === limits.items) {
      batches.push([]);
      chars = 0;
    }
    batches.at(-1)!.push(item);
    chars += size;
  }
  if (batches.length === 0 && updateType === "Full") batches.push([]);
  return batches.map((batch, at) => ({
    updateType: at === 0 ? updateType : "Differential",
    version: after + 1 + at,
    items: batch,
  }));
}

export function payloadOf(protocol: Protocol, { updateType, version, items }: ListMessage): object {
  if (protocol === "ocpp1.6") return { listVersion: version, updateType, localAuthorizationList: items };
  // An absent list says that it is empty; [] is not allowed.
  return { versionNumber: version, updateType, ...(items.length === 0 ? {} : { localAuthorizationList: items }) };
}
