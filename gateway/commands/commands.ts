// Commands on their way to a station (protocol.md C1-C4). A command reaches the socket at most once: a seen id is not
// taken again, nothing is retried after `commandSent`, and every way out leaves a record.
import type { BusMessage } from "../../core/bus/bus.ts";
import { limits } from "../../core/config/limits.ts";
import { logKey, parseCommandId, type CommandId } from "../../core/ids/ids.ts";
import { partitionOf } from "../../core/log/partition.ts";
import { composeCall } from "../../core/ocpp/framing.ts";
import { tokenKey } from "../../core/registry/entities.ts";
import { messageOf } from "../../core/runtime/errors.ts";
import { ControlRecord } from "../append/control-record.ts";
import type { Connection } from "../connection/connection.ts";
import { KnownAnswers } from "../connection/known-answers.ts";
import { closeForLostFrame, closeNow, connectionRecord, nodeRecord, type Node } from "../connection/node.ts";
import { invitationOf, tokenOfStart } from "./invitation.ts";
import { newCommandLine, type Command, type CommandLine, type Offer } from "./command-line.ts";

type Progress = Extract<BusMessage, { readonly type: "commandProgress" }>["state"];
type Outcome = "not_connected" | "expired";

/** Seen ids outlive their deadline by as much as clocks and deliveries may differ. */
const seenGraceMs = 60_000;
/** Of one connection; above it the oldest late answer is no longer waited for. */
const mostUnanswered = 64;

export class Commands {
  private readonly node: Node;
  private readonly partitions: number;
  /** Command id -> monotonic ms until which it is remembered (rule C3). */
  private readonly seen = new Map<CommandId, number>();
  /** Of this node's own records (rule I2). */
  private sequence = 0;
  private accepting = true;
  private readonly heard: (connection: Connection, command: Command, frame: Uint8Array) => void;

  /** @param heard told each answer to a command, in the turn in which it came. */
  constructor(node: Node, partitions: number, heard: Commands["heard"] = () => undefined) {
    this.node = node;
    this.partitions = partitions;
    this.heard = heard;
  }

  /** From the bus; a second delivery changes nothing. */
  requested(command: Command): void {
    if (this.seen.has(command.commandId)) return;
    const left = Math.max(0, command.deadline - this.node.appender.logNow(this.partition(command)));
    this.seen.set(command.commandId, this.node.clock.monotonic() + left + seenGraceMs);
    const connection = this.node.table.get(command.connectionId);
    if (!this.accepting || !connection?.usable || connection.closeWhenAnswered)
      return this.end(command, "not_connected");
    const line = (connection.commands ??= newCommandLine());
    if (line.current === undefined) return this.send(connection, line, command);
    // It could only leave after its deadline.
    if (line.waiting.length >= limits.commandsPendingPerStation) return this.end(command, "expired");
    const expiry = this.node.clock.after(left, () => this.expire(line, command));
    line.waiting.push({ command, expiry });
  }

  /**
   * A command that the api has not written: request and `sent` go into the log together, one append instead of two in a row
   * (rule C1). What cannot leave at once is the api's own to write; so is what came too late, for it has done so by then.
   */
  handedOver({ party, station, connectionId, request, until }: Offer): void {
    const { commandId, action, payload, replyTo } = request;
    if (this.seen.has(commandId)) return;
    const connection = this.node.table.get(connectionId);
    const logNow = this.node.appender.logNow(partitionOf(logKey(party, station), this.partitions));
    const isFree = connection?.usable && !connection.closeWhenAnswered && connection.commands?.current === undefined;
    if (!this.accepting || !isFree || logNow >= until) return this.tell(replyTo, commandId, { at: "declined" });
    // At or before the end of the command: its request gets a log time from now on.
    const deadline = logNow + request.timeoutMs;
    this.seen.set(commandId, this.node.clock.monotonic() + request.timeoutMs + seenGraceMs);
    const command = {
      type: "command",
      party,
      station,
      connectionId,
      commandId,
      action,
      payload,
      deadline,
      replyTo,
    } as const;
    const body = {
      ...request,
      kind: "commandRequested",
      connectionId,
      idempotencyKey: null,
      queueUntil: null,
    } as const;
    const value = connectionRecord(this.node, connection, body);
    let requestedAt: number | undefined;
    // Not urgent by itself, or it went alone: what follows it in this turn is, and takes it with it.
    const lost = () => closeForLostFrame(this.node, connection);
    const record = new ControlRecord(connection.key, value, false, {
      acknowledged: (_offset, logTime) => (requestedAt = logTime),
      lost,
      wanted: () => connection.usable,
    });
    if (!this.node.appender.enqueue(connection.partition, record)) return lost();
    this.send(connection, (connection.commands ??= newCommandLine()), command, () => {
      if (requestedAt !== undefined) this.tell(replyTo, commandId, { at: "requested", logTime: requestedAt });
    });
  }

  /**
   * A CALLRESULT or CALLERROR.
   * @returns false: no CALL of ours has that id.
   */
  answered(connection: Connection, messageId: string, frame: Uint8Array): boolean {
    const line = connection.commands;
    if (line === undefined) return false;
    const command = this.commandOf(line, messageId);
    if (command === undefined) return false;
    line.unanswered.delete(command.commandId);
    if (messageId === "") this.node.metrics.annotated(["emptyMessageId"]);
    this.heard(connection, command, frame);
    const { commandId, replyTo } = command;
    const value = connectionRecord(this.node, connection, {
      kind: "commandResult",
      commandId,
      connectionId: connection.id,
      frame,
    });
    const acknowledged = (logTime: number, told: boolean) => {
      if (!told) this.tell(replyTo, commandId, { at: "result", frame, logTime });
    };
    this.append(connection, value, acknowledged, () => connection.isHeard, replyTo);
    if (line.current?.command === command) this.freeSlot(connection, line);
    return true;
  }

  /** Before `disconnected` is appended: what never reached the socket ends here; what did, the fold judges (rule C4). */
  closed(connection: Connection): void {
    const line = connection.commands;
    if (line === undefined) return;
    const { current } = line;
    line.current = undefined;
    current?.timeout?.cancel();
    if (current?.state === "sending") this.end(current.command, "not_connected");
    for (const { command, expiry } of line.waiting.splice(0)) {
      expiry.cancel();
      this.end(command, "not_connected");
    }
  }

  /** Takes none any more; what waits in line ends `not_connected`, what was sent may still be answered. */
  drain(): void {
    this.accepting = false;
    for (const connection of this.node.table.all()) {
      for (const { command, expiry } of connection.commands?.waiting.splice(0) ?? []) {
        expiry.cancel();
        this.end(command, "not_connected");
      }
    }
  }

  /** Once a second. */
  forget(): void {
    const now = this.node.clock.monotonic();
    for (const [id, until] of this.seen) if (until < now) this.seen.delete(id);
  }

  /** @param afterwards once it is durable that it was sent, and it was written where it may be. */
  private send(connection: Connection, line: CommandLine, command: Command, afterwards?: () => void): void {
    line.current = { command, state: "sending", timeout: undefined };
    const { commandId } = command;
    const value = connectionRecord(this.node, connection, {
      kind: "commandSent",
      commandId,
      connectionId: connection.id,
    });
    const sent = (logTime: number) => {
      this.mayWrite(connection, line, command, logTime);
      afterwards?.();
    };
    this.append(connection, value, sent, () => connection.usable);
  }

  /**
   * Rule C3: judged by the log's clock. Ours, which follows it, says only whether the receipt was handled late: a process that
   * stood still goes on where it was, and a command that is too late by then is not sent. Its record says `sent`, so it
   * ends as one that nobody answered.
   */
  private mayWrite(connection: Connection, line: CommandLine, command: Command, logTime: number): void {
    const { current } = line;
    // Closed meanwhile: `closed` has ended it.
    if (current?.command !== command) return;
    if (logTime >= command.deadline) {
      this.end(command, "expired");
      return this.freeSlot(connection, line);
    }
    if (this.node.clock.now() >= command.deadline) return this.freeSlot(connection, line);
    if (!connection.usable) {
      this.end(command, "not_connected");
      line.current = undefined;
      return;
    }
    const sent = connection.socket.send(composeCall(command.commandId, command.action, command.payload));
    if (sent !== "sent") {
      // A socket takes all of a message or nothing: the station has not seen it, which only this node knows.
      this.end(command, "not_connected");
      line.current = undefined;
      return closeNow(connection, "notReading");
    }
    current.state = "written";
    const invited = invitationOf(command);
    if (invited !== undefined) (connection.invited ??= new Set()).add(invited);
    this.noteStart(connection, command);
    line.unanswered.set(command.commandId, command);
    if (line.unanswered.size > mostUnanswered) line.unanswered.delete(line.unanswered.keys().next().value!);
    current.timeout = this.node.clock.after(command.deadline - logTime, () => this.freeSlot(connection, line));
  }

  /** Whoever commands a start vouches for its token: its partner is not asked again when the station starts. */
  private noteStart(connection: Connection, command: Command): void {
    const token = this.node.authoriser && tokenOfStart(command);
    if (token === undefined) return;
    (connection.answers ??= new KnownAnswers(this.node.clock)).keep(tokenKey(token.trim()), { result: "commanded" });
  }

  private freeSlot(connection: Connection, line: CommandLine): void {
    line.current?.timeout?.cancel();
    line.current = undefined;
    const next = line.waiting.shift();
    if (next === undefined) return;
    next.expiry.cancel();
    if (connection.usable) this.send(connection, line, next.command);
    else this.end(next.command, "not_connected");
  }

  private expire(line: CommandLine, command: Command): void {
    const at = line.waiting.findIndex((item) => item.command === command);
    if (at < 0) return;
    line.waiting.splice(at, 1);
    this.end(command, "expired");
  }

  /** Some stations send their answer with an empty id: it can only be the outstanding one's (ocpp.md, quirk 15). */
  private commandOf(line: CommandLine, messageId: string): Command | undefined {
    if (messageId === "") return line.current?.state === "written" ? line.current.command : undefined;
    const id = parseCommandId(messageId);
    return id === undefined ? undefined : line.unanswered.get(id);
  }

  /** Written by the node itself, for the connection may be gone (rule C4). */
  private end(command: Command, outcome: Outcome): void {
    const { party, station, commandId, replyTo } = command;
    const body = { kind: "commandEnded", commandId, outcome } as const;
    const value = nodeRecord(this.node, party, station, this.sequence++, body);
    // Later, a tick may stand before it as another end, and the first one counts: who waits learns that from the log.
    const isFirst = (logTime: number) => logTime < command.deadline + limits.commandTickGraceMs - limits.clockSkewMs;
    const acknowledged = (_offset: number, logTime: number) => {
      if (isFirst(logTime)) this.tell(replyTo, commandId, { at: "ended", outcome });
    };
    const record = new ControlRecord(logKey(party, station), value, true, { acknowledged });
    this.node.appender.enqueue(this.partition(command), record, true);
  }

  /** Where the log has no way of its own to whoever waits. */
  private tell(replyTo: Command["replyTo"], commandId: CommandId, state: Progress): void {
    if (replyTo === null) return;
    this.node.bus.send(replyTo, { type: "commandProgress", commandId, state }).catch((error: unknown) => {
      // Whoever waits learns it from the log.
      this.node.logger.warn({ error: messageOf(error) }, "the command bus did not take a command's progress");
    });
  }

  private append(
    connection: Connection,
    value: Uint8Array,
    acknowledged: (logTime: number, told: boolean) => void,
    wanted: () => boolean,
    tell: Command["replyTo"] = null,
  ): void {
    const lost = () => closeForLostFrame(this.node, connection);
    const events = {
      acknowledged: (_offset: number, logTime: number, told: boolean) => acknowledged(logTime, told),
      lost,
      wanted,
    };
    const record = new ControlRecord(connection.key, value, false, events, tell ?? undefined);
    if (!this.node.appender.enqueue(connection.partition, record, true)) lost();
  }

  private partition(command: Command): number {
    return partitionOf(logKey(command.party, command.station), this.partitions);
  }
}
