// What may stand in `charging.events`: what a fold concluded, with deterministic ids. Each station's events are
// a chain (rule F5): a sequence and a running hash over the event ids.
// Wire shape: [version, kind, party, station, keyId, sequence, hash, logTime, cause, body]; the body is a map.
import { hash as digest } from "node:crypto";

import {
  trusted,
  type CommandId,
  type ConnectionId,
  type NodeId,
  type PartyId,
  type SessionId,
  type StationId,
} from "../ids/ids.ts";
import type { CdrReviewAction, CdrReviewOf } from "./cdr-review.ts";
import { CorruptRecordError, UnknownRecordError } from "./codec.ts";
import type { SignedVerdict } from "../metering/signed-value.ts";
import type { CommandOrigin, Protocol } from "./frame-record.ts";
import { packBriefly, unpack } from "./msgpack.ts";
import { isTag, misfit } from "./shape.ts";
import type { DocumentChange } from "./station-documents.ts";

export const eventVersion = 1;

/** One register or measurement as the fold normalised it. */
export interface Reading {
  /** The station's own time, epoch ms; null where it gave none that can be read. */
  readonly at: number | null;
  /** OCPP context, e.g. `Sample.Periodic`, `Transaction.Begin`. */
  readonly context: string;
  /** OCPP measurand, e.g. `Energy.Active.Import.Register`. */
  readonly measurand: string;
  readonly phase: string | null;
  readonly location: string | null;
  /** Canonical unit: `Wh` for energy, else as sent. */
  readonly unit: string | null;
  /** As sent, before any unit change; decimals as text. */
  readonly value: string;
  /** Energy registers only: integer milliwatt-hours. */
  readonly energyMwh: number | null;
}

export type CommandOutcome = "accepted" | "rejected" | "error" | "timeout" | "expired" | "not_connected" | "unknown";

/** Money as decimal text, e.g. "12.34". */
export interface Price {
  readonly exclVat: string;
  readonly inclVat: string;
}

export interface CdrLine {
  readonly dimension: "FLAT" | "ENERGY" | "TIME" | "PARKING_TIME";
  /** kWh for ENERGY, hours for TIME and PARKING_TIME, 1 for FLAT; decimal text. */
  readonly volume: string;
  readonly unitPrice: string;
  /** VAT in percent, decimal text; null: none stated. */
  readonly vat: string | null;
  readonly total: Price;
  /** Number of the tariff's element, from 0; absent in CDRs of before 0016. */
  readonly element?: number;
  /** Absent: of the session itself. */
  readonly reservation?: "RESERVATION" | "RESERVATION_EXPIRES";
}

/** OCPI's ChargingPeriod: it lasts until the next one starts, or the session ends. Deltas; what was used, not what is billed. */
export interface CdrPeriod {
  /** Epoch ms. */
  readonly startedAt: number;
  /** PARKING_TIME while the vehicle asks for no power; RESERVATION_TIME before charging starts, or until the reservation expires. */
  readonly dimension: "TIME" | "PARKING_TIME" | "RESERVATION_TIME";
  readonly durationMs: number;
  readonly energyMwh: number;
}

/** A signed meter value at the start or the end of what a CDR is about; one that holds both is there twice. */
export interface CdrSignedValue {
  readonly nature: "Start" | "End";
  /** As OCPP brought it, for core/metering to read. */
  readonly data: string;
  readonly verdict: SignedVerdict;
  /** Of the register, by which its signature is valid; null: none of it. */
  readonly publicKey: string | null;
}

export interface Cdr {
  readonly id: string;
  readonly sessionId: SessionId;
  /** `null`: an ordinary CDR; otherwise the id of the CDR that this one credits: the same, but for id and a negative total. */
  readonly credits: string | null;
  /** Of a correction: the credited CDR that this one stands for. */
  readonly replaces?: string;
  /** Of a credit CDR and of a correction. */
  readonly why?: string;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly energyMwh: number;
  readonly durationMs: number;
  readonly idToken: string | null;
  readonly evseId: number;
  readonly connectorId: number;
  readonly tariffId: string | null;
  /** Registry position that the tariff was looked up at: that of the transaction's first record. */
  readonly registry: { readonly generation: number; readonly offset: number };
  readonly currency: string | null;
  /** null where no tariff applied; an annotation says so. */
  readonly total: Price | null;
  readonly lines: readonly CdrLine[];
  /** In order; without a price too. Absent in CDRs of before 0016. */
  readonly periods?: readonly CdrPeriod[];
  /** Absent where the station signed nothing. */
  readonly signed?: readonly CdrSignedValue[];
  readonly annotations: readonly string[];
}

export type EventBody =
  | {
      readonly kind: "stationOnline";
      readonly connectionId: ConnectionId;
      readonly nodeId: NodeId;
      readonly protocol: Protocol;
      readonly securityProfile: number;
      readonly remoteAddress: string;
    }
  | { readonly kind: "stationOffline"; readonly connectionId: ConnectionId; readonly reason: string }
  /** At most one a minute of log time and station, and with every other event implied. */
  | { readonly kind: "stationSeen" }
  | {
      readonly kind: "stationBooted";
      readonly vendor: string;
      readonly model: string;
      readonly serial: string | null;
      readonly firmware: string | null;
      readonly reason: string | null;
    }
  | {
      readonly kind: "connectorStatus";
      readonly evseId: number;
      readonly connectorId: number;
      /** As the station's version has it. */
      readonly status: string;
      readonly errorCode: string | null;
      /** Station's time, else log time; epoch ms. */
      readonly since: number;
    }
  | {
      readonly kind: "sessionStarted";
      readonly sessionId: SessionId;
      readonly transactionId: string;
      readonly evseId: number;
      readonly connectorId: number;
      readonly idToken: string | null;
      readonly startedAt: number;
      readonly meterStartMwh: number | null;
      readonly annotations: readonly string[];
    }
  | {
      readonly kind: "sessionUpdated";
      readonly sessionId: SessionId;
      /** So far; monotone within a session. */
      readonly energyMwh: number;
      /** 2.x chargingState, or the 1.6 connector status; null: unknown. */
      readonly state: string | null;
      readonly idToken: string | null;
      readonly readings: readonly Reading[];
      /** Those that this event adds. */
      readonly annotations: readonly string[];
      /** What a late start message, or one that knows the place, set right; absent where nothing of it changed. */
      readonly start?: {
        readonly startedAt: number;
        readonly meterStartMwh: number | null;
        readonly evseId: number;
        readonly connectorId: number;
      };
      /** What an end that came after the CDR set right. */
      readonly end?: { readonly endedAt: number; readonly meterStopMwh: number | null };
    }
  | {
      readonly kind: "sessionEnded";
      readonly sessionId: SessionId;
      readonly endedAt: number;
      readonly reason: string | null;
      readonly meterStopMwh: number | null;
      readonly energyMwh: number;
      readonly annotations: readonly string[];
    }
  | { readonly kind: "cdrIssued"; readonly cdr: Cdr }
  /** An ended session that gets no CDR now, and why. */
  | { readonly kind: "cdrWithheld"; readonly sessionId: SessionId; readonly reason: string }
  /** A CDR that its party's rules doubt waits for a person; told again where a late message changed it. */
  | {
      readonly kind: "cdrHeld";
      readonly sessionId: SessionId;
      readonly cdr: Cdr;
      /** Words of processors/cdrs/plausibility.ts and of annotations. */
      readonly reasons: readonly string[];
    }
  /** What was decided about a held or issued CDR; the CDRs that follow from it are told beside it. */
  | {
      readonly kind: "cdrReviewed";
      readonly cdrId: string;
      readonly sessionId: SessionId;
      readonly of: CdrReviewOf;
      readonly action: CdrReviewAction;
      /** API key id, or a rule's name. */
      readonly actor: string;
      readonly why: string;
    }
  | {
      readonly kind: "commandRequested";
      readonly commandId: CommandId;
      readonly connectionId: ConnectionId | null;
      readonly action: string;
      /** JSON text. */
      readonly payload: string;
      readonly deadline: number;
      readonly origin: CommandOrigin;
    }
  | { readonly kind: "commandSent"; readonly commandId: CommandId }
  | {
      readonly kind: "commandEnded";
      readonly commandId: CommandId;
      readonly outcome: CommandOutcome;
      /** The station's frame as text; null where none came. */
      readonly response: string | null;
    }
  /** An answer that came after the end: kept beside it (rule C4). */
  | { readonly kind: "commandLateAnswer"; readonly commandId: CommandId; readonly response: string }
  /** What the station said of itself, or did as it was told, that is none of the above. */
  | { readonly kind: "documentsChanged"; readonly changes: readonly DocumentChange[] };

export type EventKind = EventBody["kind"];

export interface EventEnvelope {
  readonly party: PartyId;
  readonly station: StationId;
  readonly keyId: string | null;
  /** 1, 2, 3 … within a station. */
  readonly sequence: number;
  /** Running hash up to and including this event. */
  readonly hash: string;
  /** Log time of the frame record that caused it; epoch ms. */
  readonly logTime: number;
  /** `generation:partition:offset/index` of that record: with the station it is the event's id. */
  readonly cause: string;
}

export type DomainEvent = EventEnvelope & { readonly body: EventBody };

const kindNumbers: Readonly<Record<EventKind, number>> = {
  stationOnline: 1,
  stationOffline: 2,
  stationSeen: 3,
  stationBooted: 4,
  connectorStatus: 5,
  sessionStarted: 6,
  sessionUpdated: 7,
  sessionEnded: 8,
  cdrIssued: 9,
  cdrWithheld: 10,
  commandRequested: 11,
  commandSent: 12,
  commandEnded: 13,
  commandLateAnswer: 14,
  documentsChanged: 15,
  cdrHeld: 16,
  cdrReviewed: 17,
};
const kindNames = new Map<number, EventKind>(
  Object.entries(kindNumbers).map(([name, number]) => [number, name as EventKind]),
);

/** After version and kind. */
const eventShape = ["text", "text", "textOrNull", "number", "text", "number", "text", "map"] as const;

/** The hash before a station's first event. */
export const chainStart = "";

/** Rule F5: what `hash` must be for an event whose predecessor's hash is `previous`. 16 hex digits. */
export function chainHash(previous: string, party: PartyId, station: StationId, cause: string): string {
  return digest("sha256", `${previous}|${party}/${station}|${cause}`, "hex").slice(0, 16);
}

export function encodeEvent(event: DomainEvent): Uint8Array {
  const { kind, ...body } = event.body;
  return packBriefly([
    eventVersion,
    kindNumbers[kind],
    event.party,
    event.station,
    event.keyId,
    event.sequence,
    event.hash,
    event.logTime,
    event.cause,
    body,
  ]);
}

/**
 * @throws CorruptRecordError the bytes are not an event.
 * @throws UnknownRecordError a version or kind that this process does not read.
 */
export function decodeEvent(bytes: Uint8Array): DomainEvent {
  let fields: unknown;
  try {
    fields = unpack(bytes);
  } catch (cause) {
    throw new CorruptRecordError("not a MessagePack value", { cause });
  }
  if (!Array.isArray(fields)) throw new CorruptRecordError("an event is an array");
  const [version, number] = fields as unknown[];
  if (!isTag(version) || !isTag(number)) throw new CorruptRecordError("an event begins with its version and kind");
  if (version !== eventVersion) throw new UnknownRecordError(`event version ${version} is not known here`);
  const kind = kindNames.get(number);
  if (!kind) throw new UnknownRecordError(`event kind ${number} is not known here`);
  const wrong = misfit(fields, 2, eventShape);
  if (wrong !== undefined) throw new CorruptRecordError(`an event of kind ${kind} ${wrong}`);
  const [, , party, station, keyId, sequence, hash, logTime, cause, body] = fields as [
    number,
    number,
    string,
    string,
    string | null,
    number,
    string,
    number,
    string,
    object,
  ];
  return {
    party: trusted.party(party),
    station: trusted.station(station),
    keyId,
    sequence,
    hash,
    logTime,
    cause,
    // Only encodeEvent writes it, and a test pins the shapes.
    body: { ...body, kind } as EventBody,
  };
}
