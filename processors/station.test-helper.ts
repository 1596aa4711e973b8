// A station that writes the records its gateway would write, with what tests want to change as arguments.
import { newNodeId, trusted, type ConnectionId, type PartyId, type Position, type StationId } from "../core/ids/ids.ts";
import type { Facts, FrameBody, FrameRecord, Protocol } from "../core/records/frame-record.ts";
import { transactionIdOf } from "../core/ocpp/transaction-id.ts";

export const party: PartyId = trusted.party("DEWLG");
export const nodeA = trusted.node("node-a");
export const nodeB = trusted.node("node-b");

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));

let connections = 0;

/** One connection; its records count up. */
export class Line {
  readonly id: ConnectionId;
  readonly station: StationId;
  readonly protocol: Protocol;
  registry: Position = { generation: 1, offset: 0 };
  private sequence = 0;
  private messages = 0;

  constructor(station: string, protocol: Protocol = "ocpp1.6", id = `c${++connections}`) {
    this.station = trusted.station(station);
    this.protocol = protocol;
    this.id = trusted.connection(id);
  }

  record(body: FrameBody): FrameRecord {
    const { station, id: source, registry } = this;
    return { party, station, source, sequence: this.sequence++, arrivedAt: 0, registry, keyId: null, ...body };
  }

  connected(nodeId = nodeA): FrameRecord {
    return this.record({
      kind: "connected",
      nodeId,
      protocol: this.protocol,
      securityProfile: 0,
      remoteAddress: "127.0.0.1",
    });
  }

  claimed(): FrameRecord {
    return this.record({ kind: "claimed", epoch: { generation: 1, offset: 0 } });
  }

  disconnected(reason = "byStation"): FrameRecord {
    return this.record({ kind: "disconnected", code: 1000, reason });
  }

  call(
    action: string,
    payload: object,
    answer: object = {},
    facts: Facts = {},
    messageId = `m${++this.messages}`,
  ): FrameRecord {
    return this.record({
      kind: "exchange",
      protocol: this.protocol,
      action,
      messageId,
      call: bytes([2, messageId, action, payload]),
      answer: bytes([3, messageId, answer]),
      facts,
      annotations: [],
    });
  }

  /** 2.1: nobody answers it. */
  send(action: string, payload: object): FrameRecord {
    const messageId = `m${++this.messages}`;
    return this.record({
      kind: "exchange",
      protocol: this.protocol,
      action,
      messageId,
      call: bytes([6, messageId, action, payload]),
      answer: null,
      facts: {},
      annotations: [],
    });
  }

  // --- 1.6 ---

  start(
    payload: { connectorId?: number; idTag?: string; timestamp?: string; meterStart?: number } = {},
    status = "Accepted",
    messageId?: string,
  ): FrameRecord {
    const request = { connectorId: 1, idTag: "TAG1", timestamp: at(0), meterStart: 1000, ...payload };
    return this.call(
      "StartTransaction",
      request,
      { transactionId: transactionIdOf(request), idTagInfo: { status } },
      {},
      messageId,
    );
  }

  meter(transactionId: number | undefined, value: string, minute: number, connectorId = 1): FrameRecord {
    const meterValue = [{ timestamp: at(minute), sampledValue: [{ value }] }];
    return this.call(
      "MeterValues",
      transactionId === undefined ? { connectorId, meterValue } : { connectorId, transactionId, meterValue },
    );
  }

  stop(transactionId: number | undefined, payload: object = {}, messageId?: string): FrameRecord {
    return this.call(
      "StopTransaction",
      { transactionId, meterStop: 21_000, timestamp: at(60), idTag: "TAG1", ...payload },
      {},
      {},
      messageId,
    );
  }

  // --- 2.x ---

  event(eventType: string, transactionId: string, seqNo: number, payload: object = {}): FrameRecord {
    const triggers: Readonly<Record<string, string>> = { Started: "CablePluggedIn", Ended: "EVDeparted" };
    const request = {
      eventType,
      seqNo,
      timestamp: at(seqNo),
      triggerReason: triggers[eventType] ?? "MeterValuePeriodic",
      transactionInfo: { transactionId },
      evse: { id: 1, connectorId: 1 },
      ...payload,
    };
    return this.call("TransactionEvent", request, {});
  }
}

/** Station time: minutes after the helper's hour. */
export function at(minute: number): string {
  return new Date(Date.UTC(2023, 10, 14, 20, 0) + minute * 60_000).toISOString();
}

export function idOf(
  payload: { connectorId?: number; idTag?: string; timestamp?: string; meterStart?: number } = {},
): number {
  return transactionIdOf({ connectorId: 1, idTag: "TAG1", timestamp: at(0), meterStart: 1000, ...payload });
}

/** 2.x meter values: Wh. */
export function register(wh: number, context = "Sample.Periodic", minute = 0): object {
  return { meterValue: [{ timestamp: at(minute), sampledValue: [{ value: wh, context }] }] };
}

/** A process that writes on its own account: an api. */
export function other(station: string): Line {
  return new Line(station, "ocpp1.6", newNodeId());
}
