// Wire shape of the records in `ocpp.frames`: a MessagePack positional array
//   [version, kind, party, station, source, sequence, arrivedAt, [generation, offset], keyId, ...body]
// Body positions per kind are the two functions below, side by side. A test pins a hash of each shape.
//
// Version history
//   1  first version
import { trusted } from "../ids/ids.ts";
import type { CdrReviewAction, CdrReviewOf, CdrValues } from "./cdr-review.ts";
import { originOf, originTexts } from "./command-origin.ts";
import type { Facts, FrameBody, FrameKind, FrameRecord, Protocol } from "./frame-record.ts";
import { pack, unpack } from "./msgpack.ts";
import { isTag, misfit, type Field } from "./shape.ts";

export const recordVersion = 1;

/** Numbers on the wire; never reuse one. */
export const kindNumbers: Readonly<Record<FrameKind, number>> = {
  connected: 1,
  claimed: 2,
  disconnected: 3,
  exchange: 4,
  commandRequested: 5,
  commandSent: 6,
  commandResult: 7,
  commandEnded: 8,
  tick: 9,
  nodeLost: 10,
  quarantined: 11,
  redrive: 12,
  release: 13,
  commandBound: 14,
  cdrReview: 15,
  generationBegan: 16,
};

const kindNames = new Map<number, FrameKind>(
  Object.entries(kindNumbers).map(([name, number]) => [number, name as FrameKind]),
);

const envelopeShape = ["text", "text", "text", "number", "number", "twoNumbers", "textOrNull"] as const;

/** After version and kind. What a protocol, a reason or an outcome may be is not the codec's to know. */
const shapes: Readonly<Record<FrameKind, readonly Field[]>> = {
  connected: [...envelopeShape, "text", "number", "number", "text"],
  claimed: [...envelopeShape, "twoNumbers"],
  disconnected: [...envelopeShape, "number", "text"],
  exchange: [...envelopeShape, "number", "text", "text", "bytes", "bytesOrNull", "map", "texts"],
  commandRequested: [
    ...envelopeShape,
    ...(["text", "textOrNull", "number", "text", "bytes", "number", "textOrNull", "numberOrNull"] as const),
    ...(["twoTexts", "textOrNull"] as const),
  ],
  commandSent: [...envelopeShape, "text", "text"],
  commandResult: [...envelopeShape, "text", "text", "bytes"],
  commandEnded: [...envelopeShape, "text", "text"],
  tick: [...envelopeShape, "number"],
  nodeLost: [...envelopeShape, "text"],
  quarantined: [...envelopeShape, "number", "text", "bytes", "bytesOrNull"],
  redrive: [...envelopeShape, "text", "text"],
  release: [...envelopeShape, "text", "text"],
  commandBound: [...envelopeShape, "text", "text"],
  cdrReview: [...envelopeShape, "text", "text", "map", "mapOrNull", "text", "text"],
  generationBegan: [...envelopeShape, "number", "numbers", "number"],
};

export const protocolNumbers: Readonly<Record<Protocol, number>> = { "ocpp1.6": 16, "ocpp2.0.1": 201, "ocpp2.1": 21 };
const protocolNames = new Map<number, Protocol>(
  Object.entries(protocolNumbers).map(([name, number]) => [number, name as Protocol]),
);

/**
 * An unknown version or kind must pause the partition and page somebody: a newer process wrote it, and
 * treating it as poison would lose it (rule F8).
 */
export class UnknownRecordError extends Error {
  override readonly name = "UnknownRecordError";
}

/** Bytes that no version of wattlog wrote: quarantined (rule Q1). */
export class CorruptRecordError extends Error {
  override readonly name = "CorruptRecordError";
}

/** Turns the array of version `n` into that of `n + 1`. */
export type Upcaster = (fields: unknown[]) => unknown[];
/** One per version that was ever written and is not the current one. */
export type Upcasters = ReadonlyMap<number, Upcaster>;

export const upcasters: Upcasters = new Map();

export function encodeRecord(record: FrameRecord): Uint8Array {
  return pack([
    recordVersion,
    kindNumbers[record.kind],
    record.party,
    record.station,
    record.source,
    record.sequence,
    record.arrivedAt,
    [record.registry.generation, record.registry.offset],
    record.keyId,
    ...bodyFields(record),
  ]);
}

function bodyFields(r: FrameBody): unknown[] {
  switch (r.kind) {
    case "connected":
      return [r.nodeId, protocolNumbers[r.protocol], r.securityProfile, r.remoteAddress];
    case "claimed":
      return [[r.epoch.generation, r.epoch.offset]];
    case "disconnected":
      return [r.code, r.reason];
    case "exchange":
      return [protocolNumbers[r.protocol], r.action, r.messageId, r.call, r.answer, r.facts, r.annotations];
    case "commandRequested":
      return [
        r.commandId,
        r.connectionId,
        protocolNumbers[r.protocol],
        r.action,
        r.payload,
        r.timeoutMs,
        r.idempotencyKey,
        r.queueUntil,
        originTexts(r.origin),
        r.replyTo,
      ];
    case "commandSent":
    case "commandBound":
      return [r.commandId, r.connectionId];
    case "commandResult":
      return [r.commandId, r.connectionId, r.frame];
    case "commandEnded":
      return [r.commandId, r.outcome];
    case "generationBegan":
      return [r.of, r.frameEnds, r.registryEnd];
    case "tick":
      return [r.dueAt];
    case "nodeLost":
      return [r.nodeId];
    case "quarantined":
      return [protocolNumbers[r.protocol], r.reason, r.bytes, r.answer];
    case "redrive":
    case "release":
      return [r.quarantineId, r.actor];
    case "cdrReview":
      return [r.of, r.action, r.cdr, r.values, r.actor, r.why];
  }
}

/**
 * @throws CorruptRecordError the bytes are not a record.
 * @throws UnknownRecordError a version or kind that this process does not read.
 */
export function decodeRecord(bytes: Uint8Array, known: Upcasters = upcasters): FrameRecord {
  let fields = unpackFields(bytes);
  let version = fields[0];
  while (typeof version === "number" && version < recordVersion) {
    const upcast = known.get(version);
    if (!upcast) break;
    fields = upcast(fields);
    version = fields[0];
  }
  if (!isTag(version) || !isTag(fields[1])) throw new CorruptRecordError("a record begins with its version and kind");
  if (version !== recordVersion) throw new UnknownRecordError(`record version ${version} is not known here`);
  const kind = kindNames.get(fields[1]);
  if (!kind) throw new UnknownRecordError(`record kind ${fields[1]} is not known here`);
  const wrong = misfit(fields, 2, shapes[kind]);
  if (wrong !== undefined) throw new CorruptRecordError(`a record of kind ${kind} ${wrong}`);
  const [, , party, station, source, sequence, arrivedAt, registry, keyId] = fields as [
    number,
    number,
    string,
    string,
    string,
    number,
    number,
    [number, number],
    string | null,
  ];
  return {
    party: trusted.party(party),
    station: trusted.station(station),
    source: trusted.connection(source),
    sequence,
    arrivedAt,
    registry: { generation: registry[0], offset: registry[1] },
    keyId,
    ...bodyOf(kind, fields.slice(9)),
  };
}

function unpackFields(bytes: Uint8Array): unknown[] {
  let value: unknown;
  try {
    value = unpack(bytes);
  } catch (cause) {
    throw new CorruptRecordError("not a MessagePack value", { cause });
  }
  if (!Array.isArray(value)) throw new CorruptRecordError("a record is an array");
  return value;
}

function protocolOf(number: unknown): Protocol {
  const protocol = protocolNames.get(number as number);
  if (!protocol) throw new UnknownRecordError(`protocol ${String(number)} is not known here`);
  return protocol;
}

// The casts are ours to give: `misfit` has looked at every position, and a hash pins them.
function bodyOf(kind: FrameKind, f: unknown[]): FrameBody {
  const text = (at: number) => f[at] as string;
  const bytes = (at: number) => f[at] as Uint8Array;
  const connectionOrNull = (at: number) => (f[at] === null ? null : trusted.connection(text(at)));
  switch (kind) {
    case "connected":
      return {
        kind,
        nodeId: trusted.node(text(0)),
        protocol: protocolOf(f[1]),
        securityProfile: f[2] as number,
        remoteAddress: text(3),
      };
    case "claimed": {
      const [generation, offset] = f[0] as [number, number];
      return { kind, epoch: { generation, offset } };
    }
    case "disconnected":
      return { kind, code: f[0] as number, reason: text(1) };
    case "exchange":
      return {
        kind,
        protocol: protocolOf(f[0]),
        action: text(1),
        messageId: text(2),
        call: bytes(3),
        answer: f[4] as Uint8Array | null,
        facts: f[5] as Facts,
        annotations: f[6] as string[],
      };
    case "commandRequested":
      return {
        kind,
        commandId: trusted.command(text(0)),
        connectionId: connectionOrNull(1),
        protocol: protocolOf(f[2]),
        action: text(3),
        payload: bytes(4),
        timeoutMs: f[5] as number,
        idempotencyKey: f[6] as string | null,
        queueUntil: f[7] as number | null,
        origin: originOf(f[8] as [string, string]),
        replyTo: f[9] === null ? null : trusted.node(text(9)),
      };
    case "commandSent":
    case "commandBound":
      return { kind, commandId: trusted.command(text(0)), connectionId: trusted.connection(text(1)) };
    case "commandResult":
      return {
        kind,
        commandId: trusted.command(text(0)),
        connectionId: trusted.connection(text(1)),
        frame: bytes(2),
      };
    case "commandEnded":
      return { kind, commandId: trusted.command(text(0)), outcome: f[1] as "not_connected" | "expired" };
    case "generationBegan":
      return { kind, of: f[0] as number, frameEnds: f[1] as number[], registryEnd: f[2] as number };
    case "tick":
      return { kind, dueAt: f[0] as number };
    case "nodeLost":
      return { kind, nodeId: trusted.node(text(0)) };
    case "quarantined":
      return { kind, protocol: protocolOf(f[0]), reason: text(1), bytes: bytes(2), answer: f[3] as Uint8Array | null };
    case "redrive":
    case "release":
      return { kind, quarantineId: text(0), actor: text(1) };
    case "cdrReview":
      return {
        kind,
        of: text(0) as CdrReviewOf,
        action: text(1) as CdrReviewAction,
        cdr: f[2] as Readonly<Record<string, unknown>>,
        values: f[3] as CdrValues | null,
        actor: text(4),
        why: text(5),
      };
  }
}
