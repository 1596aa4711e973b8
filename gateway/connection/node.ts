// What the parts of a gateway share: the node's ports and what is known of its connections.
import type { CommandBus } from "../../core/bus/bus.ts";
import { limits } from "../../core/config/limits.ts";
import type { NodeId, PartyId, StationId } from "../../core/ids/ids.ts";
import type { Authoriser } from "../../core/ports/ports.ts";
import { encodeRecord } from "../../core/records/codec.ts";
import { encodeExchange } from "../../core/records/exchange-encoder.ts";
import type { Facts, FrameBody } from "../../core/records/frame-record.ts";
import type { RegistryView } from "../../core/registry/view.ts";
import type { Clock } from "../../core/runtime/clock.ts";
import type { Logger } from "../../core/runtime/logger.ts";
import type { Appender } from "../append/appender.ts";
import type { PacedCloser } from "../append/paced-closer.ts";
import type { LookupCache } from "../decide/lookups.ts";
import type { GatewayMetrics } from "../metrics.ts";
import { closeCodes, type CloseName } from "./close-codes.ts";
import type { Connection } from "./connection.ts";
import type { ConnectionTable } from "./table.ts";

export interface Node {
  readonly id: NodeId;
  readonly clock: Clock;
  readonly random: () => number;
  readonly bus: CommandBus;
  readonly registry: RegistryView;
  readonly lookups: LookupCache;
  /** undefined: no roaming partner is ever asked. */
  readonly authoriser: Authoriser | undefined;
  readonly authoriseDeadlineMs: number;
  readonly appender: Appender;
  readonly closer: PacedCloser;
  readonly table: ConnectionTable;
  readonly metrics: GatewayMetrics;
  readonly logger: Logger;
}

/** Encodes a record of a connection and takes its next sequence: call it right before the enqueue (rule I2). */
export function connectionRecord(node: Node, connection: Connection, body: FrameBody): Uint8Array {
  return encodeRecord({
    party: connection.party,
    station: connection.station,
    source: connection.id,
    sequence: connection.sequence++,
    arrivedAt: node.clock.now(),
    registry: node.registry.position,
    keyId: null,
    ...body,
  });
}

/** As {@link connectionRecord}, for the record that every frame makes. */
export function exchangeRecord(
  node: Node,
  connection: Connection,
  frame: { readonly action: string; readonly messageId: string },
  call: Uint8Array,
  answer: Uint8Array | null,
  decision: { readonly facts: Facts; readonly annotations: readonly string[] },
  arrivedAt = node.clock.now(),
): Uint8Array {
  const { party, station, id: source, protocol } = connection;
  const record = {
    party,
    station,
    source,
    sequence: connection.sequence++,
    arrivedAt,
    registry: node.registry.position,
    keyId: null,
    kind: "exchange",
    protocol,
    action: frame.action,
    messageId: frame.messageId,
    call,
    answer,
    facts: decision.facts,
    annotations: decision.annotations,
  } as const;
  return encodeExchange(record);
}

/** A record that concerns a station without a connection here; `sequence` rises within the node. */
export function nodeRecord(
  node: Node,
  party: PartyId,
  station: StationId,
  sequence: number,
  body: FrameBody,
): Uint8Array {
  return encodeRecord({
    party,
    station,
    source: node.id,
    sequence,
    arrivedAt: node.clock.now(),
    registry: node.registry.position,
    keyId: null,
    ...body,
  });
}

/** Closes now. Nothing is taken from the socket any more; the close event appends `disconnected`. */
export function closeNow(connection: Connection, name: CloseName): void {
  if (connection.closed) return;
  connection.closing ??= name;
  const { code, sentence } = closeCodes[connection.closing];
  // Who does not read or answer will not read a close frame either.
  if (connection.closing === "notReading" || connection.closing === "silent") connection.socket.destroy();
  else connection.socket.end(code, sentence);
}

/** One of its frames cannot be answered any more: it must go, at the rate that the node allows itself. */
export function closeForLostFrame(node: Node, connection: Connection): void {
  if (!connection.usable) return;
  connection.closing = "logUnavailable";
  node.closer.add({ close: () => closeNow(connection, "logUnavailable"), stillDue: () => !connection.closed });
}

/** Refills and takes one. @returns false: more than limits.stationFramesPerSecond, beyond the burst. */
export function takeToken(connection: Connection, now: number): boolean {
  const refill = ((now - connection.tokensAt) * limits.stationFramesPerSecond) / 1000;
  connection.tokens = Math.min(limits.stationFrameBurst, connection.tokens + refill);
  connection.tokensAt = now;
  if (connection.tokens < 1) return false;
  connection.tokens--;
  return true;
}
