// A station's local authorisation list brought to what the registry says, as ordinary commands: the station is asked for its
// version; where that is one that we made, it is sent the difference, else all of it (2.0.1 D01, D02; 1.6 §5.15).
import { limits } from "../../core/config/limits.ts";
import type { PartyId, StationId } from "../../core/ids/ids.ts";
import type { CommandOutcome } from "../../core/records/domain-event.ts";
import type { Protocol } from "../../core/records/frame-record.ts";
import { tokenKey, type LocalListDoc, type TokenDoc } from "../../core/registry/entities.ts";
import { tokenInForce } from "../../core/registry/tokens-in-force.ts";
import { requested, responseOf, type Conversation } from "./connected.ts";
import type { ApiOptions } from "./context.ts";
import { loadListLimits, type ListLimits } from "./local-list-limits.ts";
import {
  difference,
  entriesOf,
  heldAfter,
  messagesOf,
  payloadOf,
  versionOf,
  type Entries,
  type Held,
  type ListMessage,
} from "./local-list.ts";
import { Problem } from "./problems.ts";

export interface SentMessage {
  readonly commandId: string;
  readonly updateType: ListMessage["updateType"];
  readonly version: number;
  readonly entries: number;
  readonly outcome: CommandOutcome | null;
  /** The station's word; null: it has not said one. */
  readonly status: string | null;
}

export interface Synced {
  /** `unfinished`: the wait was over, or a message was not delivered: ask again. */
  readonly result: "in_step" | "unchanged" | "refused" | "unsupported" | "unfinished";
  /** That the station said it has before anything was sent; null: it did not say. */
  readonly versionBefore: number | null;
  /** That it has now, as far as it said. */
  readonly version: number | null;
  readonly entries: number;
  readonly messages: readonly SentMessage[];
}

/** Two at once would send the same versions with different content: whoever asks for one goes through here. */
export class LocalListSync {
  private readonly syncing = new Set<string>();

  isBusy(party: PartyId, station: StationId): boolean {
    return this.syncing.has(`${party}/${station}`);
  }

  /** @throws Problem `conflict` where it is on its way already, or the list is larger than what the station holds: nothing is sent. */
  async sync(of: Conversation, list: LocalListDoc): Promise<Synced> {
    const key = `${of.principal.party}/${of.station}`;
    if (this.syncing.has(key))
      throw new Problem("conflict", "This station's list is being brought up to date already.");
    this.syncing.add(key);
    try {
      return await syncLocalList(of, list);
    } finally {
      this.syncing.delete(key);
    }
  }
}

async function syncLocalList(of: Conversation, list: LocalListDoc): Promise<Synced> {
  const wanted = wantedEntries(of.context, of.principal.party, of.protocol, list);
  const reported = await askVersion(of);
  const none = { versionBefore: null, version: null, entries: wanted.size, messages: [] };
  if (reported === "unsupported") return { ...none, result: "unsupported" };
  if (reported === undefined) return { ...none, result: "unfinished" };
  const room = await loadListLimits(of);
  checkRoom(room, wanted);
  const history = await sentBefore(of);
  const held = heldAfter(history.accepted);
  const isOurs = held?.version === reported;
  const state = { wanted, room, highest: Math.max(reported, history.highest), versionBefore: reported };
  if (!isOurs) return replaced(of, state, []);
  return brought(of, state, held);
}

interface State {
  readonly wanted: Entries;
  readonly room: ListLimits;
  /** Highest version that is known to have been used, by us or in the station. */
  readonly highest: number;
  readonly versionBefore: number;
}

async function brought(of: Conversation, state: State, held: Held): Promise<Synced> {
  const { wanted, room, highest, versionBefore } = state;
  const changes = difference(of.protocol, held, wanted);
  if (changes.length === 0) {
    return { result: "unchanged", versionBefore, version: versionBefore, entries: wanted.size, messages: [] };
  }
  const sent = await sendAll(of, messagesOf("Differential", changes, highest, room));
  // D01.FR.06: where a difference does not fit what the station has, it gets everything.
  if (sent.at(-1)?.outcome === "rejected") return replaced(of, { ...state, highest: highest + sent.length }, sent);
  return concluded(state, sent);
}

async function replaced(of: Conversation, state: State, before: readonly SentMessage[]): Promise<Synced> {
  const items = [...state.wanted.values()].map(({ data }) => data);
  const sent = await sendAll(of, messagesOf("Full", items, state.highest, state.room));
  return concluded(state, [...before, ...sent]);
}

function concluded({ wanted, versionBefore }: State, messages: readonly SentMessage[]): Synced {
  const last = messages.at(-1);
  const version = messages.findLast(({ outcome }) => outcome === "accepted")?.version ?? versionBefore;
  const word = last?.outcome;
  const result = word === "accepted" ? "in_step" : word === "rejected" || word === "error" ? "refused" : "unfinished";
  return { result, versionBefore, version, entries: wanted.size, messages };
}

/** One after another, up to the first that the station does not take. */
async function sendAll(of: Conversation, messages: readonly ListMessage[]): Promise<SentMessage[]> {
  const sent: SentMessage[] = [];
  for (const message of messages) {
    const { updateType, version, items } = message;
    const answer = await requested(of, "SendLocalList", payloadOf(of.protocol, message));
    const status = responseOf(answer)?.["status"];
    sent.push({
      commandId: answer.id,
      updateType,
      version,
      entries: items.length,
      outcome: answer.outcome,
      status: typeof status === "string" ? status : null,
    });
    if (answer.outcome !== "accepted") return sent;
  }
  // What was left out counts as not finished.
  return sent;
}

// --- asking ---

/** @returns `unsupported`: it has no such list; undefined: it did not say in time. */
async function askVersion(of: Conversation): Promise<number | "unsupported" | undefined> {
  const answer = await requested(of, "GetLocalListVersion", {});
  if (answer.outcome === "error") return "unsupported";
  const said = responseOf(answer);
  if (!said) return undefined;
  const version = versionOf(said);
  // 1.6 §5.10: -1 where it has none.
  return version < 0 ? "unsupported" : version;
}

// --- what is known ---

/** What the registry says now. @throws Problem `conflict` where a list cannot have as many */
export function wantedEntries(context: ApiOptions, party: PartyId, protocol: Protocol, list: LocalListDoc): Entries {
  return entriesOf(protocol, tokensOf(context, party, list), context.clock.now());
}

function tokensOf({ registry }: ApiOptions, party: PartyId, { uids }: LocalListDoc): TokenDoc[] {
  const count = uids?.length ?? registry.idCount(party, "token");
  if (count > limits.localListEntries) throw tooMany(count, limits.localListEntries, "a local list");
  const keys = uids?.map(tokenKey) ?? [...registry.ids(party, "token")];
  return keys.flatMap((key) => tokenInForce(registry, party, key) ?? []);
}

function checkRoom({ entries: room }: ListLimits, wanted: Entries): void {
  if (room !== null && wanted.size > room) throw tooMany(wanted.size, room, "this station");
}

function tooMany(count: number, room: number, whose: string): Problem {
  const sentence = `The list has ${count} entries and ${whose} holds ${room}: nothing was sent. Name fewer in uids.`;
  return new Problem("conflict", sentence);
}

/** Differences in a row: then a full list begins anew, and what a station has is known from no more than these. */
const historyRemembered = 200;

interface History {
  /** The newest first. */
  readonly accepted: readonly object[];
  /** Of every message, whatever became of it: one that got lost may have arrived. */
  readonly highest: number;
}

async function sentBefore({ context, principal, station }: Conversation): Promise<History> {
  const rows = await context.store.reader
    .selectFrom("live_command")
    .select(["payload", "outcome"])
    .where("party", "=", principal.party)
    .where("station", "=", station)
    .where("action", "=", "SendLocalList")
    .orderBy("requested_at", "desc")
    .orderBy("id", "desc")
    .limit(historyRemembered)
    .execute();
  const messages = rows.map(({ payload, outcome }) => ({ payload: JSON.parse(payload) as object, outcome }));
  const accepted = messages.filter(({ outcome }) => outcome === "accepted").map(({ payload }) => payload);
  // Two of one moment have no order of their own: versions rise.
  accepted.sort((a, b) => versionOf(b) - versionOf(a));
  return { accepted, highest: Math.max(0, ...messages.map(({ payload }) => versionOf(payload))) };
}
