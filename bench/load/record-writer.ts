// Records as a gateway writes them, into any log: what a fold is to find when it starts.
import { logKey, newConnectionId, newNodeId, trusted, type Position } from "../../core/ids/ids.ts";
import type { Entry, EventLog } from "../../core/log/log.ts";
import { partitionOf } from "../../core/log/partition.ts";
import { transactionIdOf } from "../../core/ocpp/transaction-id.ts";
import { encodeRecord } from "../../core/records/codec.ts";
import type { FrameBody } from "../../core/records/frame-record.ts";
import { MeterValuesFrame, webSocketHeaderBytes } from "./frames.ts";

export const party = trusted.party("DEWLG");
const recordsPerAppend = 64;
/** One node for all, as after a gateway's day: a node each would be as many losses to tell. */
const nodeId = newNodeId();

const bytes = (value: unknown): Uint8Array => new TextEncoder().encode(JSON.stringify(value));

/** A station's records in the order of its gateway: connected, claimed, a start, then meter values. */
class Writer {
  readonly key: string;
  private readonly station: ReturnType<typeof trusted.station>;
  private readonly source = newConnectionId();
  private readonly frame: MeterValuesFrame;
  private readonly request;
  private readonly transactionId: number;
  private readonly registry: Position;
  private sequence = 0;

  constructor(station: string, registry: Position) {
    this.registry = registry;
    this.station = trusted.station(station);
    this.key = logKey(party, this.station);
    this.request = { connectorId: 1, idTag: "TAG", meterStart: 0, timestamp: "2025-06-01T00:00:00Z" };
    this.transactionId = transactionIdOf(this.request);
    this.frame = new MeterValuesFrame(this.transactionId);
  }

  begin(): Entry[] {
    const answer = { transactionId: this.transactionId, idTagInfo: { status: "Accepted" } };
    return [
      this.entry({
        kind: "connected",
        nodeId,
        protocol: "ocpp1.6",
        securityProfile: 0,
        remoteAddress: "127.0.0.1",
      }),
      this.entry({ kind: "claimed", epoch: { generation: 1, offset: 0 } }),
      this.exchange("StartTransaction", "start", bytes([2, "start", "StartTransaction", this.request]), answer),
    ];
  }

  meterValues(): Entry {
    const call = Uint8Array.from(this.frame.next().subarray(webSocketHeaderBytes));
    return this.exchange("MeterValues", String(this.sequence), call, {});
  }

  private exchange(action: string, messageId: string, call: Uint8Array, answer: object): Entry {
    const rest = { facts: {}, annotations: [] };
    return this.entry({
      kind: "exchange",
      protocol: "ocpp1.6",
      action,
      messageId,
      call,
      answer: bytes([3, messageId, answer]),
      ...rest,
    });
  }

  private entry(body: FrameBody): Entry {
    const { station, source, registry } = this;
    const envelope = { party, station, source, arrivedAt: Date.now(), registry };
    const value = encodeRecord({ ...envelope, keyId: null, sequence: this.sequence++, ...body });
    return { key: this.key, value };
  }
}

export interface FillOptions {
  readonly prefix?: string;
  /** What the gateway decided by. */
  readonly registry?: Position;
}

/** @param frames in all, in full rounds of the stations. */
export async function fill(
  log: EventLog,
  frames: number,
  stations: number,
  { prefix = "replay-", registry = { generation: 1, offset: 0 } }: FillOptions = {},
): Promise<void> {
  const writers = Array.from({ length: stations }, (_, n) => new Writer(`${prefix}${n}`, registry));
  const { frames: topic } = log.topics;
  const append = async (entriesOf: (writer: Writer) => Entry[]) => {
    const byPartition = Map.groupBy(
      writers.flatMap((writer) => entriesOf(writer)),
      ({ key }) => partitionOf(key, topic.partitions),
    );
    await Promise.all([...byPartition].map(([partition, entries]) => log.append(topic, partition, entries)));
  };
  await append((writer) => writer.begin());
  // As stations send: each in its turn, so that a batch holds many of them.
  const rounds = Math.max(1, Math.round(recordsPerAppend / stations));
  for (let sent = 0; sent < frames; sent += stations * rounds) {
    await append((writer) => Array.from({ length: rounds }, () => writer.meterValues()));
  }
}
