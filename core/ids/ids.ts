// Branded identifiers, each with the one function that makes it from outside text. Nothing else in the
// project casts a string to one of these types.
import { randomUUID } from "node:crypto";
import { v5 as uuidV5 } from "uuid";

declare const brand: unique symbol;
type Branded<Name extends string> = string & { readonly [brand]: Name };

/** CPO party, country code + party id, e.g. `DEABC` (rule I1). */
export type PartyId = Branded<"PartyId">;
/** Charging station identity: the last path segment of its WebSocket URL, percent-decoded, ≤ 48 characters. */
export type StationId = Branded<"StationId">;
/** One WebSocket connection of one station; random (rule I2). */
export type ConnectionId = Branded<"ConnectionId">;
/** One start of one process; random, so a restarted process is another node (rule T3). */
export type NodeId = Branded<"NodeId">;
/** uuid v5 of the frame that is the first attributed to a transaction (rule I6). */
export type SessionId = Branded<"SessionId">;
/** uuid v5 of the caller's idempotency key, or random (rule I7). Also the OCPP message id of the CALL. */
export type CommandId = Branded<"CommandId">;
/** `source/sequence`: the unit of deduplication (rule I2). */
export type FrameId = Branded<"FrameId">;

/** A place in one partition of a topic with generations: `offset` is the next one to read (exclusive end). */
export interface Position {
  readonly generation: number;
  readonly offset: number;
}

/** Orders the connections of one station: where its `connected` record lies (rule I3). */
export interface Epoch {
  readonly generation: number;
  readonly offset: number;
}

const partyPattern = /^[A-Z]{2}[A-Z0-9]{3}$/;
// The allow-list of reliability.md; a colon is impossible in a basic-auth user.
const stationPattern = /^[A-Za-z0-9*+\-_.@|=]{1,48}$/;

/** @returns undefined when `text` is not a country code and a party id. */
export function parsePartyId(text: string): PartyId | undefined {
  return partyPattern.test(text) ? (text as PartyId) : undefined;
}

/** @returns undefined when `text` is not an identity that OCPP-J and the log's keys allow. */
export function parseStationId(text: string): StationId | undefined {
  return stationPattern.test(text) && text !== "." && text !== ".." ? (text as StationId) : undefined;
}

const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

export function parseCommandId(text: string): CommandId | undefined {
  return uuidPattern.test(text) ? (text as CommandId) : undefined;
}

export function parseSessionId(text: string): SessionId | undefined {
  return uuidPattern.test(text) ? (text as SessionId) : undefined;
}

/** For ids that come back out of our own records and tables, where they were checked on the way in. */
export const trusted = {
  party: (text: string) => text as PartyId,
  station: (text: string) => text as StationId,
  connection: (text: string) => text as ConnectionId,
  node: (text: string) => text as NodeId,
  session: (text: string) => text as SessionId,
  command: (text: string) => text as CommandId,
};

export function newConnectionId(): ConnectionId {
  return randomUUID() as string as ConnectionId;
}

export function newNodeId(): NodeId {
  return randomUUID() as string as NodeId;
}

export function newCommandId(): CommandId {
  return randomUUID() as string as CommandId;
}

/** Namespace of every wattlog uuid v5; changing it would change every id ever derived. */
const namespace = "6f1d2c1e-6a0f-5c3e-9b1a-5d1b7f0c9a10";

export function frameId(source: string, sequence: number): FrameId {
  return `${source}/${sequence}` as FrameId;
}

// As JSON, for stations and callers' keys may contain any separator: ("A|b", "c") and ("A", "b|c") are two commands.
function derived(...parts: readonly string[]): string {
  return uuidV5(JSON.stringify(parts), namespace);
}

/** Rule I6. */
export function sessionIdOf(party: PartyId, station: StationId, first: FrameId): SessionId {
  return derived("session", party, station, first) as SessionId;
}

/** Rule I7: the same key at two apis is the same command. */
export function commandIdOf(party: PartyId, station: StationId, idempotencyKey: string): CommandId {
  return derived("command", party, station, idempotencyKey) as CommandId;
}

/** Deterministic ids of things that a fold makes (CDRs, quarantine rows): the same input gives the same id. */
export function derivedId(kind: string, ...parts: readonly string[]): string {
  return derived(kind, ...parts);
}

/** The log key of a station; the partition is murmur2 of it, as Kafka's default partitioner has it. */
export function logKey(party: PartyId, station: StationId): string {
  return `${party}/${station}`;
}

export function comparePositions(a: Position, b: Position): number {
  return a.generation - b.generation || a.offset - b.offset;
}
