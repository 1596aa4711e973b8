// What a station reports about itself: boots and connector statuses, of every version.
import { limits } from "../../core/config/limits.ts";
import type { FoldContext } from "../engine/station-fold.ts";
import { fieldsOf, indexOf, textOf, type Fields } from "../payload.ts";
import { isPlausible, parseStationTime } from "../station-time.ts";
import { changeConnection, connectionOf, currentOf, type Connection, type StationSelf } from "./connections.ts";

export interface Boot {
  readonly vendor: string;
  readonly model: string;
  readonly serial: string | null;
  readonly firmware: string | null;
  readonly reason: string | null;
}

export interface ConnectorStatus {
  readonly evseId: number;
  readonly connectorId: number;
  readonly status: string;
  readonly errorCode: string | null;
  readonly since: number;
}

/** 1.6 has flat fields, 2.x an object. */
function bootOf(request: Fields): Boot {
  const station = fieldsOf(request["chargingStation"]);
  return {
    vendor: textOf(station["vendorName"]) ?? textOf(request["chargePointVendor"]) ?? "",
    model: textOf(station["model"]) ?? textOf(request["chargePointModel"]) ?? "",
    serial:
      textOf(station["serialNumber"]) ??
      textOf(request["chargePointSerialNumber"]) ??
      textOf(request["chargeBoxSerialNumber"]),
    firmware: textOf(station["firmwareVersion"]) ?? textOf(request["firmwareVersion"]),
    reason: textOf(request["reason"]),
  };
}

/**
 * 1.6 numbers connectors only: connector n is the connector 1 of EVSE n, 0 is the station itself. Quirk 18: bodies in
 * the shape of 1.6 come on 2.0.1 too.
 */
function statusOf(request: Fields, logTime: number): ConnectorStatus | undefined {
  const status = textOf(request["connectorStatus"]) ?? textOf(request["status"]);
  if (status === null) return undefined;
  const at = parseStationTime(request["timestamp"]);
  const flat = request["evseId"] === undefined;
  const first = indexOf(request["connectorId"]);
  const errorCode = textOf(request["errorCode"]);
  return {
    evseId: flat ? first : indexOf(request["evseId"]),
    connectorId: flat ? Math.min(first, 1) : first,
    status,
    errorCode: errorCode === "NoError" ? null : errorCode,
    since: isPlausible(at, logTime) ? at : logTime,
  };
}

export function bootNotification(
  self: StationSelf,
  source: string,
  request: Fields,
  context: FoldContext,
): StationSelf {
  const counted = { ...self, boots: self.boots + 1 };
  const connection = connectionOf(self, source);
  if (!connection) return counted;
  const boot = bootOf(request);
  if (!connection.claimed) return changeConnection(counted, connection, { ...connection, boot });
  if (connection.id === currentOf(self)?.id) context.emit({ kind: "stationBooted", ...boot });
  return counted;
}

/** @returns the status where it is the current connection's and new, for the sessions at that connector. */
export function statusNotification(
  self: StationSelf,
  source: string,
  request: Fields,
  context: FoldContext,
): { readonly self: StationSelf; readonly changed: ConnectorStatus | undefined } {
  const connection = connectionOf(self, source);
  const status = statusOf(request, context.logTime);
  if (!connection || !status) return { self, changed: undefined };
  if (!connection.claimed) {
    const statuses = withStatus(connection.statuses, status);
    return { self: changeConnection(self, connection, { ...connection, statuses }), changed: undefined };
  }
  if (connection.id !== currentOf(self)?.id) return { self, changed: undefined };
  return told(self, status, context);
}

function told(self: StationSelf, status: ConnectorStatus, context: FoldContext) {
  const connectors = withStatus(self.connectors, status);
  if (connectors === self.connectors) return { self, changed: undefined };
  context.emit({ kind: "connectorStatus", ...status });
  return { self: { ...self, connectors }, changed: status };
}

/** The same list where nothing changed: `since` says how long a connector has been so. */
function withStatus(list: readonly ConnectorStatus[], status: ConnectorStatus): readonly ConnectorStatus[] {
  const isSame = (s: ConnectorStatus) => s.evseId === status.evseId && s.connectorId === status.connectorId;
  const before = list.find(isSame);
  if (before) {
    if (before.status === status.status && before.errorCode === status.errorCode) return list;
    return list.map((s) => (s === before ? status : s));
  }
  // A station that invents connectors must not grow without bound; those beyond are not kept.
  return list.length < limits.stationConnectorsRemembered ? [...list, status] : list;
}

/** What a connection reported before it was claimed as the current one. */
export function mergeReports(self: StationSelf, connection: Connection, context: FoldContext) {
  if (connection.boot) context.emit({ kind: "stationBooted", ...connection.boot });
  const changed: ConnectorStatus[] = [];
  let after = changeConnection(self, connection, { ...connection, boot: null, statuses: [] });
  for (const status of connection.statuses) {
    const result = told(after, status, context);
    after = result.self;
    if (result.changed) changed.push(result.changed);
  }
  return { self: after, changed };
}
