// The state of a station's commands, and its packed form (rule F4).
import { trusted, type CommandId, type ConnectionId, type NodeId } from "../../core/ids/ids.ts";
import type { Protocol } from "../../core/records/frame-record.ts";
import { pack, unpack } from "../../core/records/msgpack.ts";

/** Not ended. */
export interface PendingCommand {
  readonly id: CommandId;
  readonly protocol: Protocol;
  readonly action: string;
  /** null: queued, waits for a connection (rule C2). */
  readonly connectionId: ConnectionId | null;
  readonly isSent: boolean;
  /** The bound connection closed after the command was sent: its outcome can be known no more. */
  readonly isGone: boolean;
  readonly requestedAt: number;
  readonly timeoutMs: number;
  /** Log time; of a queued one: until when it waits. */
  readonly deadline: number;
  /** Of a queued one, to wake the node with once it is bound; and where the answer is understood only with it. */
  readonly payload: Uint8Array | null;
  readonly replyTo: NodeId | null;
  /** Queued and a connection is there: when to ask again for the record that binds it. */
  readonly bindAt: number | null;
  /** The process that wrote the request which counts. */
  readonly requestedBy: string;
  /** Of the connection that it is bound to. */
  readonly nodeId: NodeId | null;
}

/** Ended: known for late answers and repeats. */
export interface EndedCommand {
  readonly id: CommandId;
  /** Log time after which it is forgotten. */
  readonly forgetAt: number;
}

export interface CommandsState {
  readonly pending: readonly PendingCommand[];
  readonly ended: readonly EndedCommand[];
}

export const noCommands: CommandsState = { pending: [], ended: [] };

type Packed = [
  [
    string,
    Protocol,
    string,
    string | null,
    boolean,
    boolean,
    number,
    number,
    number,
    Uint8Array | null,
    string | null,
    number | null,
    string,
    string | null,
  ][],
  /** A list in rows of earlier builds. */
  Uint8Array | PackedEnded,
];

type PackedEnded = [string, number][];

// They change with an end, while the row is written with every batch that touches the station: their bytes are kept with
// the list they were made from.
const endedBytes = new WeakMap<readonly EndedCommand[], Uint8Array>();

function packEnded(ended: readonly EndedCommand[]): Uint8Array {
  const known = endedBytes.get(ended);
  if (known) return known;
  const bytes = pack(ended.map((e) => [e.id, e.forgetAt]));
  endedBytes.set(ended, bytes);
  return bytes;
}

export function packCommands(state: CommandsState): unknown[] {
  const packed: Packed = [
    state.pending.map((c) => [
      c.id,
      c.protocol,
      c.action,
      c.connectionId,
      c.isSent,
      c.isGone,
      c.requestedAt,
      c.timeoutMs,
      c.deadline,
      c.payload,
      c.replyTo,
      c.bindAt,
      c.requestedBy,
      c.nodeId,
    ]),
    packEnded(state.ended),
  ];
  return packed;
}

export function unpackCommands(packed: unknown): CommandsState {
  const [pending, endedOrBytes] = packed as Packed;
  const ended = endedOrBytes instanceof Uint8Array ? (unpack(endedOrBytes) as PackedEnded) : endedOrBytes;
  return {
    pending: pending.map((f) => ({
      id: trusted.command(f[0]),
      protocol: f[1],
      action: f[2],
      connectionId: f[3] === null ? null : trusted.connection(f[3]),
      isSent: f[4],
      isGone: f[5],
      requestedAt: f[6],
      timeoutMs: f[7],
      deadline: f[8],
      payload: f[9] === null ? null : f[9].slice(),
      replyTo: f[10] === null ? null : trusted.node(f[10]),
      bindAt: f[11],
      requestedBy: f[12],
      nodeId: f[13] === null ? null : trusted.node(f[13]),
    })),
    ended: ended.map(([id, forgetAt]) => ({ id: trusted.command(id), forgetAt })),
  };
}
