// Rule I4: which connection speaks for a station, and what it says of itself.
import { limits } from "../../core/config/limits.ts";
import { trusted, type ConnectionId, type Epoch, type NodeId } from "../../core/ids/ids.ts";
import type { FrameRecord, FrameRecordOf, Protocol } from "../../core/records/frame-record.ts";
import type { FoldContext } from "../engine/station-fold.ts";
import type { Boot, ConnectorStatus } from "./reports.ts";

export interface Connection {
  readonly id: ConnectionId;
  readonly epoch: Epoch;
  readonly nodeId: NodeId;
  readonly protocol: Protocol;
  readonly securityProfile: number;
  readonly remoteAddress: string;
  readonly claimed: boolean;
  /** Presumed gone with its node (rule T3); any record of it takes that back. */
  readonly lost: boolean;
  /** Reports before the claim: told when it is claimed as the current one, forgotten when not. */
  readonly boot: Boot | null;
  readonly statuses: readonly ConnectorStatus[];
}

export interface StationSelf {
  /** Not ended, in the order of their epochs. */
  readonly connections: readonly Connection[];
  readonly connectors: readonly ConnectorStatus[];
  /** How often it booted, on whatever connection (rule I5 asks whether a boot lies between). */
  readonly boots: number;
  /** Log time of the last event that shows life. */
  readonly seenAt: number;
}

export const unknownStation: StationSelf = { connections: [], connectors: [], boots: 0, seenAt: 0 };

/** The claimed, not ended one of the highest epoch that is not presumed lost. */
export function currentOf(self: StationSelf): Connection | undefined {
  return self.connections.findLast((c) => c.claimed && !c.lost);
}

/** Nodes of the claimed, not ended ones that are not presumed lost, in a fixed order. */
export function nodesOf(self: StationSelf): readonly NodeId[] {
  return [...new Set(self.connections.filter((c) => c.claimed && !c.lost).map((c) => c.nodeId))].sort();
}

export function connectionOf(self: StationSelf, id: string | null): Connection | undefined {
  return id === null ? undefined : self.connections.find((c) => c.id === id);
}

/**
 * Rule I4: the current connection, or a newer one: what it says before its `claimed` is in the log is not lost, for its
 * saying so is the life that makes the gateway write that record.
 */
export function speaksForStation(self: StationSelf, source: string): boolean {
  const connection = connectionOf(self, source);
  if (!connection) return false;
  const current = currentOf(self);
  return !current || compareEpochs(connection.epoch, current.epoch) >= 0;
}

function compareEpochs(a: Epoch, b: Epoch): number {
  return a.generation - b.generation || a.offset - b.offset;
}

export function connected(self: StationSelf, record: FrameRecordOf<"connected">, context: FoldContext): StationSelf {
  const { nodeId, protocol, securityProfile, remoteAddress } = record;
  const connection: Connection = {
    id: trusted.connection(record.source),
    epoch: { generation: context.generation, offset: context.offset },
    nodeId,
    protocol,
    securityProfile,
    remoteAddress,
    claimed: false,
    lost: false,
    boot: null,
    statuses: [],
  };
  const others = self.connections.filter((c) => c.id !== connection.id);
  const connections = [...others, connection].sort((a, b) => compareEpochs(a.epoch, b.epoch));
  return { ...self, connections: bounded(connections, currentOf(self)) };
}

/** Sockets that never said goodbye: the oldest ones go, never the current. */
function bounded(connections: readonly Connection[], current: Connection | undefined): readonly Connection[] {
  if (connections.length <= limits.stationConnectionsRemembered) return connections;
  const oldest = connections.find((c) => c.id !== current?.id);
  return connections.filter((c) => c !== oldest);
}

export function changeConnection(self: StationSelf, before: Connection, after: Connection): StationSelf {
  return { ...self, connections: self.connections.map((c) => (c === before ? after : c)) };
}

export function claimed(self: StationSelf, record: FrameRecordOf<"claimed">): StationSelf {
  const connection = connectionOf(self, record.source);
  return connection && !connection.claimed
    ? changeConnection(self, connection, { ...connection, claimed: true })
    : self;
}

export function ended(self: StationSelf, id: string): StationSelf {
  const connections = self.connections.filter((c) => c.id !== id);
  return connections.length === self.connections.length ? self : { ...self, connections };
}

/** Rule T3. */
export function nodeLost(self: StationSelf, nodeId: NodeId): StationSelf {
  if (!self.connections.some((c) => c.nodeId === nodeId && !c.lost)) return self;
  return { ...self, connections: self.connections.map((c) => (c.nodeId === nodeId ? { ...c, lost: true } : c)) };
}

/** A record of a connection that was presumed lost: it lives. */
export function revived(self: StationSelf, source: string): StationSelf {
  const connection = connectionOf(self, source);
  return connection?.lost ? changeConnection(self, connection, { ...connection, lost: false }) : self;
}

/** Tells what changed in who speaks for the station. */
export function tellCurrent(before: StationSelf, after: StationSelf, record: FrameRecord, context: FoldContext): void {
  const was = currentOf(before);
  const is = currentOf(after);
  if (was?.id === is?.id) return;
  if (is) {
    context.emit({
      kind: "stationOnline",
      connectionId: is.id,
      nodeId: is.nodeId,
      protocol: is.protocol,
      securityProfile: is.securityProfile,
      remoteAddress: is.remoteAddress,
    });
  } else if (was) {
    context.emit({ kind: "stationOffline", connectionId: was.id, reason: offlineReason(record) });
  }
}

function offlineReason(record: FrameRecord): string {
  if (record.kind === "disconnected") return record.reason;
  return record.kind === "nodeLost" ? "nodeLost" : "replaced";
}

// --- packed form ---

type PackedStatus = [number, number, string, string | null, number];
type PackedBoot = [string, string, string | null, string | null, string | null] | null;
type PackedConnection = [
  string,
  number,
  number,
  string,
  Protocol,
  number,
  string,
  boolean,
  boolean,
  PackedBoot,
  PackedStatus[],
];

const packStatus = (s: ConnectorStatus): PackedStatus => [s.evseId, s.connectorId, s.status, s.errorCode, s.since];
const unpackStatus = ([evseId, connectorId, status, errorCode, since]: PackedStatus): ConnectorStatus => ({
  evseId,
  connectorId,
  status,
  errorCode,
  since,
});

function packBoot(boot: Boot | null): PackedBoot {
  return boot && [boot.vendor, boot.model, boot.serial, boot.firmware, boot.reason];
}

function unpackBoot(packed: PackedBoot): Boot | null {
  if (!packed) return null;
  const [vendor, model, serial, firmware, reason] = packed;
  return { vendor, model, serial, firmware, reason };
}

export function packSelf(self: StationSelf): unknown[] {
  const connections = self.connections.map((c): PackedConnection => [
    c.id,
    c.epoch.generation,
    c.epoch.offset,
    c.nodeId,
    c.protocol,
    c.securityProfile,
    c.remoteAddress,
    c.claimed,
    c.lost,
    packBoot(c.boot),
    c.statuses.map(packStatus),
  ]);
  return [connections, self.connectors.map(packStatus), self.boots, self.seenAt];
}

export function unpackSelf(packed: unknown): StationSelf {
  const [connections, connectors, boots, seenAt] = packed as [PackedConnection[], PackedStatus[], number, number];
  return {
    connections: connections.map((f) => ({
      id: trusted.connection(f[0]),
      epoch: { generation: f[1], offset: f[2] },
      nodeId: trusted.node(f[3]),
      protocol: f[4],
      securityProfile: f[5],
      remoteAddress: f[6],
      claimed: f[7],
      lost: f[8],
      boot: unpackBoot(f[9]),
      statuses: f[10].map(unpackStatus),
    })),
    connectors: connectors.map(unpackStatus),
    boots,
    seenAt,
  };
}
