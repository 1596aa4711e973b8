// What may stand in `ocpp.frames`. One exchange (the CALL and the answer that the gateway chose) is one record,
// so that nothing downstream ever decides again. The wire shape of each kind is in codec.ts.
import type { CdrReviewAction, CdrReviewOf, CdrValues } from "./cdr-review.ts";
import type { CommandId, ConnectionId, Epoch, NodeId, PartyId, Position, StationId } from "../ids/ids.ts";

export type Protocol = "ocpp1.6" | "ocpp2.0.1" | "ocpp2.1";

/** What every record of `ocpp.frames` has. */
export interface RecordEnvelope {
  readonly party: PartyId;
  /** Empty for `nodeLost` and `generationBegan`, which concern a whole partition. */
  readonly station: StationId;
  /** Who wrote it: the connection for a gateway's records, the process (node id) for everyone else's. */
  readonly source: ConnectionId | NodeId;
  /** Given when the record enters the append queue; rises within a source (rule I2). */
  readonly sequence: number;
  /** The writer's clock, epoch ms. For people; a fold uses the log time only (rule T1). */
  readonly arrivedAt: number;
  /** The registry position that the writer decided at (rules F1, R2). */
  readonly registry: Position;
  /** Slot for the key that seals the payload; null while nothing is sealed. */
  readonly keyId: string | null;
}

/** What a decider learned outside the registry (rule F2). Absent where nothing was. */
export interface Facts {
  readonly authMethod?: "COMMAND" | "AUTH_REQUEST" | "WHITELIST";
  readonly authorizationReference?: string;
  /** Why a token was accepted that nobody vouched for: `unknownTokensAccepted`, `noAuthorization`, `partnerSilent`. */
  readonly acceptedBecause?: string;
  /** What a roaming partner that was asked in real time said (OCPI AllowedType, or UNKNOWN), or why it said nothing. */
  readonly partnerAnswer?: string;
}

/** Who asked for a command, for audit and for the answer's way back. */
export interface CommandOrigin {
  readonly via: "rest" | "ocpi" | "rule" | "console";
  /** API key id, partner id, or the rule's name. Never a secret. */
  readonly actor: string;
  /** Of a roaming partner's command: what it is told of the end. */
  readonly reply?: CommandReply;
}

/** Told once the command has ended, from the log: it outlives the process that took the command (decision 33). */
export interface CommandReply {
  /** What was asked for, in OCPI's words: START_SESSION and the others, or a result of charging profiles. */
  readonly of: string;
  /** The partner's `response_url`. */
  readonly url: string;
  readonly correlationId: string;
  /** `authorization_reference`. */
  readonly reference?: string;
  /** Of charging profiles: whose. */
  readonly session?: string;
  /** Through a hub: the party that asked. */
  readonly to?: { readonly countryCode: string; readonly partyId: string };
}

export type FrameBody =
  | {
      readonly kind: "connected";
      readonly nodeId: NodeId;
      readonly protocol: Protocol;
      /** OCPP security profile 0-3 that this connection was admitted with. */
      readonly securityProfile: number;
      readonly remoteAddress: string;
    }
  | { readonly kind: "claimed"; readonly epoch: Epoch }
  | {
      readonly kind: "disconnected";
      /** WebSocket close code. */
      readonly code: number;
      /** A word of close-codes.ts, or `byStation`. */
      readonly reason: string;
    }
  | {
      readonly kind: "exchange";
      readonly protocol: Protocol;
      readonly action: string;
      readonly messageId: string;
      /** The station's frame, byte for byte. */
      readonly call: Uint8Array;
      /** Our answering frame; null for SEND (2.1), which is never answered. */
      readonly answer: Uint8Array | null;
      readonly facts: Facts;
      /** What was tolerated, in words of annotations.ts; empty when the frame was by the book. */
      readonly annotations: readonly string[];
    }
  | {
      readonly kind: "commandRequested";
      readonly commandId: CommandId;
      /** The one connection that it is bound to (rule C2); null with `queueUntil` while nothing is connected. */
      readonly connectionId: ConnectionId | null;
      readonly protocol: Protocol;
      readonly action: string;
      /** The OCPP request payload as JSON text in UTF-8. */
      readonly payload: Uint8Array;
      /** Counted in log time from this record's (rules C3, T1). */
      readonly timeoutMs: number;
      readonly idempotencyKey: string | null;
      /** Log time until which it waits for a connection; null: it does not wait. */
      readonly queueUntil: number | null;
      readonly origin: CommandOrigin;
      /** The process that waits for the outcome (`?wait`), or null. */
      readonly replyTo: NodeId | null;
    }
  | { readonly kind: "commandSent"; readonly commandId: CommandId; readonly connectionId: ConnectionId }
  | {
      readonly kind: "commandResult";
      readonly commandId: CommandId;
      readonly connectionId: ConnectionId;
      /** The station's CALLRESULT or CALLERROR frame, byte for byte. */
      readonly frame: Uint8Array;
    }
  | {
      readonly kind: "commandEnded";
      readonly commandId: CommandId;
      /** Written by the api (no owner) or the node (gone, too late) only (rule C4). */
      readonly outcome: "not_connected" | "expired";
    }
  | {
      readonly kind: "commandBound";
      /** Rule C2: a queued command is bound once to the next claimed connection. */
      readonly commandId: CommandId;
      readonly connectionId: ConnectionId;
    }
  | {
      /** Rule B4: the first record of every partition of a generation but the first; empty station. */
      readonly kind: "generationBegan";
      /** The generation before it, and where that ended, exclusive: by partition of `ocpp.frames`, and the registry. */
      readonly of: number;
      readonly frameEnds: readonly number[];
      readonly registryEnd: number;
    }
  | { readonly kind: "tick"; readonly dueAt: number }
  | { readonly kind: "nodeLost"; readonly nodeId: NodeId }
  | {
      readonly kind: "quarantined";
      readonly protocol: Protocol;
      /** A word of annotations.ts that says what could not be understood. */
      readonly reason: string;
      readonly bytes: Uint8Array;
      /** What we answered, if the protocol wants an answer. */
      readonly answer: Uint8Array | null;
    }
  | { readonly kind: "redrive"; readonly quarantineId: string; readonly actor: string }
  | { readonly kind: "release"; readonly quarantineId: string; readonly actor: string }
  | {
      readonly kind: "cdrReview";
      readonly of: CdrReviewOf;
      readonly action: CdrReviewAction;
      /** The CDR as who decides saw it (domain-event.ts, Cdr): a fold does not keep what it has issued. */
      readonly cdr: Readonly<Record<string, unknown>>;
      /** Of a correction. */
      readonly values: CdrValues | null;
      readonly actor: string;
      readonly why: string;
    };

export type FrameKind = FrameBody["kind"];
export type FrameRecord = RecordEnvelope & FrameBody;
export type FrameRecordOf<Kind extends FrameKind> = RecordEnvelope & Extract<FrameBody, { kind: Kind }>;
