// What a station sends, from its bytes to the append queue (design.md, the way of one frame, steps 1-4).
import { limits } from "../../core/config/limits.ts";
import type { Frame, Malformed } from "../../core/ocpp/frame.ts";
import { composeError, composeResult, parseFrame } from "../../core/ocpp/framing.ts";
import type { Authoriser } from "../../core/ports/ports.ts";
import type { QuarantineReason } from "../../core/records/annotations.ts";
import type { Protocol } from "../../core/records/frame-record.ts";
import { tokenKey } from "../../core/registry/entities.ts";
import { ControlRecord } from "../append/control-record.ts";
import type { Commands } from "../commands/commands.ts";
import { decide, plainCalls } from "../decide/decide.ts";
import type { Answer, Answers, Decision, Question, TokenAnswer } from "../decide/decision.ts";
import type { Lookups } from "../decide/lookups.ts";
import { Asking } from "./asking.ts";
import type { BootNotes } from "./boot-notes.ts";
import type { Connection } from "./connection.ts";
import { DuplicateWindow } from "./duplicates.ts";
import { Exchange } from "./exchange.ts";
import { KnownAnswers } from "./known-answers.ts";
import { closeForLostFrame, closeNow, connectionRecord, exchangeRecord, takeToken, type Node } from "./node.ts";

type Call = Extract<Frame, { readonly type: "call" | "send" }>;

interface AskedCall {
  readonly frame: Call;
  /** A copy. */
  readonly bytes: Uint8Array;
  readonly isReused: boolean;
  /** Epoch ms. */
  readonly arrivedAt: number;
}

export class Inbound {
  private readonly node: Node;
  private readonly commands: Commands;
  private readonly boots: BootNotes;

  constructor(node: Node, commands: Commands, boots: BootNotes) {
    this.node = node;
    this.commands = commands;
    this.boots = boots;
  }

  /** @param bytes dead when this returns. */
  message(connection: Connection, bytes: Uint8Array): void {
    const now = this.node.clock.monotonic();
    connection.heardAt = now;
    if (!connection.usable || connection.closeWhenAnswered) return;
    if (!takeToken(connection, now)) return closeNow(connection, "tooManyFrames");
    const plain = plainCalls(connection.protocol).read(bytes);
    if (plain) return this.call(connection, plain, bytes);
    const frame = parseFrame(bytes);
    switch (frame.type) {
      case "call":
        return this.call(connection, frame, bytes);
      case "send":
        if (connection.protocol !== "ocpp2.1")
          return this.notUnderstood(connection, unknownType(frame.rawMessageId), bytes);
        return this.send(connection, frame, bytes);
      case "result":
      case "error":
        if (frame.nulBytes) this.node.metrics.annotated(["nulBytes"]);
        if (this.commands.answered(connection, frame.messageId, Buffer.from(bytes))) return;
        return this.quarantine(connection, "unsolicitedResult", bytes, null);
      case "resultError":
        if (connection.protocol !== "ocpp2.1")
          return this.notUnderstood(connection, unknownType(frame.rawMessageId), bytes);
        return this.quarantine(connection, "callResultError", bytes, null);
      case "malformed":
        return this.notUnderstood(connection, inVersion(connection.protocol, frame), bytes);
    }
  }

  private call(connection: Connection, frame: Call, bytes: Uint8Array): void {
    const { node } = this;
    const window = (connection.duplicates ??= new DuplicateWindow());
    const known = window.find(frame);
    if (known !== undefined && known !== "reused") {
      // The same CALL once more: it is in the log already, or on its way, and gets the answer it got (ocpp.md).
      node.metrics.repeatedCalls++;
      if (known !== "pending" && connection.socket.send(known) === "dropped") closeNow(connection, "notReading");
      return;
    }
    if (connection.pendingCalls >= limits.stationPendingFrames) return closeNow(connection, "tooManyPending");
    node.metrics.received(connection.protocol, frame.action);
    const isReused = known === "reused";
    const decision = this.decided(connection, frame, isReused, connection.answers);
    const exchange = new Exchange(node, connection, frame.messageId, frame.text);
    if (decision.question !== undefined && node.authoriser !== undefined) {
      window.add(exchange);
      const call = { frame, bytes: Buffer.from(bytes), isReused, arrivedAt: node.clock.now() };
      return this.ask(node.authoriser, connection, exchange, call, decision.question);
    }
    if (frame.action === "BootNotification") this.boots.decided(connection, bytes, decision.answer);
    const answer = answerBytes(frame.rawMessageId, decision.answer);
    const value = exchangeRecord(node, connection, frame, bytes, answer, this.final(connection, decision));
    if (exchange.enqueue(value, answer)) window.add(exchange);
  }

  /** Promise 1 and rule I2 hold as ever: it is decided, gets its sequence and is appended when the answer is known. */
  private ask(
    authoriser: Authoriser,
    connection: Connection,
    exchange: Exchange,
    call: AskedCall,
    { token, use }: Question,
  ): void {
    const { clock, authoriseDeadlineMs: deadlineMs } = this.node;
    const { party, station } = connection;
    const asking = new Asking(clock, deadlineMs, (answer) => {
      connection.asking?.delete(asking);
      const isOfUse = answer.result === "answered" && answer.allowed === "ALLOWED" && !use.begins;
      if (isOfUse) (connection.answers ??= new KnownAnswers(clock)).keep(tokenKey(token.uid), answer);
      this.askedFor(connection, exchange, call, answer);
    });
    (connection.asking ??= new Set()).add(asking);
    void authoriser
      .ask({ party, station, token, evseId: use.evseId, deadlineMs })
      .then((answer) => asking.settle(answer));
  }

  private askedFor(connection: Connection, exchange: Exchange, call: AskedCall, answer: TokenAnswer): void {
    const { frame, bytes, isReused, arrivedAt } = call;
    // As of now: what the registry learned meanwhile counts (rule F1).
    const decision = this.decided(connection, frame, isReused, { of: () => answer });
    const answering = answerBytes(frame.rawMessageId, decision.answer);
    const final = this.final(connection, decision);
    exchange.enqueue(exchangeRecord(this.node, connection, frame, bytes, answering, final, arrivedAt), answering);
  }

  /** Before `disconnected` is appended: what it has said is in the log before that, by the rule for a silent partner. */
  closed(connection: Connection): void {
    for (const asking of connection.asking ?? []) asking.settle({ result: "noAnswer", why: "stationLeft" });
  }

  /** 2.1: never answered, kept all the same. */
  private send(connection: Connection, frame: Call, bytes: Uint8Array): void {
    this.node.metrics.received(connection.protocol, frame.action);
    const decision = this.final(connection, this.decided(connection, frame, false, undefined));
    const value = exchangeRecord(this.node, connection, frame, bytes, null, decision);
    this.enqueue(connection, value, undefined);
  }

  private decided(connection: Connection, frame: Call, isReused: boolean, answers: Answers | undefined): Decision {
    const { node } = this;
    if (connection.lookups === undefined || connection.lookupsVersion !== node.lookups.version) {
      connection.lookupsVersion = node.lookups.version;
      connection.lookups = node.lookups.of(connection.party, connection.station);
    }
    const { lookups } = connection;
    const asked = decide(frame, {
      protocol: connection.protocol,
      lookups,
      isRefused: isRefused(connection, lookups, frame.action),
      now: node.clock.now(),
      random: node.random(),
      answers,
      costs: connection.costs,
    });
    return isReused ? { ...asked, annotations: [...asked.annotations, "reusedMessageId"] } : asked;
  }

  private final(connection: Connection, decision: Decision): Decision {
    if (decision.annotations.length > 0) this.node.metrics.annotated(decision.annotations);
    if (decision.spent !== undefined) connection.answers?.forget(decision.spent);
    if (decision.begun !== undefined) connection.costs?.delete(decision.begun);
    return decision;
  }

  private notUnderstood(connection: Connection, malformed: Malformed, bytes: Uint8Array): void {
    this.quarantine(connection, malformed.reason, bytes, answerToMalformed(connection.protocol, malformed));
  }

  /** Promise 6: kept verbatim, answered as the protocol wants, counted. */
  private quarantine(
    connection: Connection,
    reason: QuarantineReason,
    bytes: Uint8Array,
    answer: Uint8Array | null,
  ): void {
    this.node.metrics.quarantined();
    const body = { kind: "quarantined", protocol: connection.protocol, reason, bytes, answer } as const;
    this.enqueue(connection, connectionRecord(this.node, connection, body), () => {
      if (answer && connection.usable && connection.socket.send(answer) === "dropped") {
        closeNow(connection, "notReading");
      }
    });
  }

  private enqueue(connection: Connection, value: Uint8Array, acknowledged: (() => void) | undefined): void {
    const lost = () => closeForLostFrame(this.node, connection);
    const wanted = () => connection.isHeard;
    const record = new ControlRecord(connection.key, value, false, {
      ...(acknowledged ? { acknowledged } : {}),
      lost,
      wanted,
    });
    if (!this.node.appender.enqueue(connection.partition, record)) lost();
  }
}

/** Whether it was told that nothing but its boot is served, and is not asked for this either. */
function isRefused(connection: Connection, lookups: Lookups, action: string): boolean {
  if (lookups.acceptance === "accepted") return false;
  // Of what was said on this very connection the registry learns a moment later.
  if (!lookups.wasRefused && !connection.wasRefused) return false;
  return lookups.acceptance === "rejected" || connection.invited?.has(action) !== true;
}

/** Types 5 and 6 in a version that has none. */
function unknownType(rawMessageId: string | null): Malformed {
  return { type: "malformed", reason: "unknownMessageType", messageId: null, rawMessageId, of: "other" };
}

/** What is wrong with a message of a type that the version does not have is, first of all, its type. */
function inVersion(protocol: Protocol, malformed: Malformed): Malformed {
  return malformed.of === "later" && protocol !== "ocpp2.1" ? unknownType(malformed.rawMessageId) : malformed;
}

/** A decided CALL always has an answer; only SEND has none, and it does not come here. */
function answerBytes(rawMessageId: string, answer: Answer): Uint8Array {
  switch (answer.type) {
    case "result":
      return composeResult(rawMessageId, answer.payload);
    case "error":
      return composeError(rawMessageId, answer.code, answer.description);
    case "none":
      throw new Error("a CALL was decided as if it were a SEND");
  }
}

const unreadableId = '"-1"';

/**
 * ocpp.md, error codes: 2.x answers what it cannot read with the id "-1", 1.6 not at all; an unknown message type is
 * ignored but in 2.0.1. The raw text is never embedded.
 */
export function answerToMalformed(protocol: Protocol, malformed: Malformed): Uint8Array | null {
  const id = malformed.rawMessageId ?? (protocol === "ocpp1.6" ? null : unreadableId);
  if (id === null) return null;
  switch (malformed.reason) {
    case "unknownMessageType":
      if (protocol !== "ocpp2.0.1") return null;
      return composeError(id, "MessageTypeNotSupported", "This message type does not exist in this version.");
    case "missingElements":
      return malformed.of === "call" ? composeError(id, "ProtocolError", "The message has too few elements.") : null;
    case "badAction":
      return malformed.of === "call" ? composeError(id, "ProtocolError", "The action is not a text.") : null;
    case "badMessageId": {
      if (malformed.of !== "call") return null;
      const code = protocol === "ocpp1.6" ? "FormationViolation" : "RpcFrameworkError";
      return composeError(id, code, "The message id is no text of at most 36 characters.");
    }
    case "notUtf8":
    case "notJson":
    case "notAnArray":
    case "tooDeep":
    case "tooManyElements":
      return protocol === "ocpp1.6" ? null : composeError(id, "RpcFrameworkError", "The message cannot be read.");
  }
}
