// What each event does to the rows that people read. Pure: rows in, rows out; exhaustive over the kinds.
// `last_updated` is the event's log time (rule B6), never a clock, so that a rebuild writes the same row.
import type { DomainEvent } from "../../core/records/domain-event.ts";
import type { CommandRow, SessionRow, StationRow } from "../../core/store/tables.ts";
import {
  endedSession,
  meterValues,
  newCdr,
  newSession,
  pricedSession,
  updatedSession,
  withheldSession,
  type Body,
} from "./session-rows.ts";
import { decidedReview, heldReview } from "./review-rows.ts";
import { connectorKey, documentKey, stationKey, type Scope, type WorkingSet } from "./working-set.ts";

/**
 * @returns `orphan` where the event speaks of a session or command that has no row: a fold that is wrong, for an
 * unbroken chain cannot miss the first event of either.
 */
export function projectEvent(event: DomainEvent, rows: WorkingSet): "applied" | "orphan" {
  const { body } = event;
  switch (body.kind) {
    case "stationOnline":
    case "stationOffline":
    case "stationSeen":
    case "stationBooted":
      changeStation(event, rows, stationChanges(body, event.logTime));
      return "applied";
    case "connectorStatus":
      seen(event, rows);
      changeConnector(event, body, rows);
      return "applied";
    case "sessionStarted":
      seen(event, rows);
      rows.sessions.put(body.sessionId, newSession(event, body, rows.scope));
      return "applied";
    case "sessionUpdated":
      seen(event, rows);
      rows.meterValues.push(...meterValues(event, body, rows.scope));
      return changeSession(rows, body.sessionId, (row) => updatedSession(row, body, event.logTime));
    case "sessionEnded":
      return changeSession(rows, body.sessionId, (row) => endedSession(row, body, event.logTime));
    case "cdrIssued":
      rows.cdrs.push(newCdr(event, body.cdr, rows.scope));
      return changeSession(rows, body.cdr.sessionId, (row) => pricedSession(row, body.cdr, event.logTime));
    case "cdrWithheld":
      return changeSession(rows, body.sessionId, (row) => withheldSession(row, body.reason, event.logTime));
    case "cdrHeld":
      rows.reviews.put(body.cdr.id, heldReview(event, body, rows.scope, rows.reviews.get(body.cdr.id)));
      return changeSession(rows, body.sessionId, (row) => withheldSession(row, "held", event.logTime));
    case "cdrReviewed":
      rows.reviews.put(body.cdrId, decidedReview(event, body, rows.scope, rows.reviews.get(body.cdrId)));
      return "applied";
    case "commandRequested":
      // The first request of an id is the command; a later one changes nothing (rule C1).
      if (!rows.commands.get(body.commandId)) rows.commands.put(body.commandId, newCommand(event, body, rows.scope));
      return "applied";
    case "commandSent":
      return changeCommand(rows, body.commandId, (row) => sentCommand(row, event.logTime));
    case "commandEnded":
      if (body.response !== null) seen(event, rows);
      return changeCommand(rows, body.commandId, (row) => endedCommand(row, body, event.logTime));
    case "commandLateAnswer":
      seen(event, rows);
      return changeCommand(rows, body.commandId, (row) => ({
        ...row,
        late_response: body.response,
        last_updated: event.logTime,
      }));
    case "documentsChanged":
      seen(event, rows);
      changeDocuments(event, body, rows);
      return "applied";
  }
}

// --- station ---

function changeStation(event: DomainEvent, rows: WorkingSet, changes: Partial<StationRow>): void {
  const key = stationKey(event);
  const row = rows.stations.get(key) ?? newStation(event, rows.scope);
  rows.stations.put(key, { ...row, ...changes, last_updated: event.logTime });
}

/** Every event that the station itself caused shows that it lives. */
function seen(event: DomainEvent, rows: WorkingSet): void {
  changeStation(event, rows, { last_seen: event.logTime });
}

function stationChanges(
  body: Body<"stationOnline" | "stationOffline" | "stationSeen" | "stationBooted">,
  logTime: number,
): Partial<StationRow> {
  switch (body.kind) {
    case "stationOnline":
      return {
        online: 1,
        connection_id: body.connectionId,
        node_id: body.nodeId,
        protocol: body.protocol,
        security_profile: body.securityProfile,
        remote_address: body.remoteAddress,
        last_seen: logTime,
      };
    case "stationOffline":
      // The connection stays named: a command for an offline station says which one it was last bound to.
      return { online: 0, node_id: null };
    case "stationSeen":
      return { last_seen: logTime };
    case "stationBooted":
      return {
        vendor: body.vendor,
        model: body.model,
        serial: body.serial,
        firmware: body.firmware,
        booted_at: logTime,
        last_seen: logTime,
      };
  }
}

function newStation(event: DomainEvent, scope: Scope): StationRow {
  return {
    table_set: scope.tableSet,
    partition: scope.partition,
    party: event.party,
    station: event.station,
    protocol: null,
    vendor: null,
    model: null,
    serial: null,
    firmware: null,
    online: 0,
    connection_id: null,
    node_id: null,
    security_profile: null,
    remote_address: null,
    booted_at: null,
    last_seen: 0,
    last_updated: event.logTime,
  };
}

function changeConnector(event: DomainEvent, body: Body<"connectorStatus">, rows: WorkingSet): void {
  const row = {
    table_set: rows.scope.tableSet,
    partition: rows.scope.partition,
    party: event.party,
    station: event.station,
    evse_id: body.evseId,
    connector_id: body.connectorId,
    status: body.status,
    error_code: body.errorCode,
    since: body.since,
    last_updated: event.logTime,
  };
  const key = connectorKey(row);
  const before = rows.connectors.get(key);
  // The same status again keeps its `since`: it says how long the connector has been so.
  const unchanged = before && before.status === row.status && before.error_code === row.error_code;
  rows.connectors.put(key, unchanged ? { ...row, since: before.since } : row);
}

function changeDocuments(event: DomainEvent, body: Body<"documentsChanged">, rows: WorkingSet): void {
  const { party, station, logTime } = event;
  const { tableSet: table_set, partition } = rows.scope;
  for (const { collection, key, document, patch } of body.changes) {
    const row = { table_set, partition, party, station, collection, key, document, last_updated: logTime };
    const id = documentKey(row);
    rows.documents.put(id, patch ? { ...row, document: patched(rows.documents.get(id)?.document, document) } : row);
  }
}

function patched(before: string | null | undefined, document: string | null): string | null {
  if (!before || document === null) return document;
  return JSON.stringify({ ...(JSON.parse(before) as object), ...(JSON.parse(document) as object) });
}

function changeSession(rows: WorkingSet, id: string, change: (row: SessionRow) => SessionRow): "applied" | "orphan" {
  const row = rows.sessions.get(id);
  if (!row) return "orphan";
  rows.sessions.put(id, change(row));
  return "applied";
}

// --- command ---

function newCommand(event: DomainEvent, body: Body<"commandRequested">, scope: Scope): CommandRow {
  return {
    table_set: scope.tableSet,
    partition: scope.partition,
    id: body.commandId,
    party: event.party,
    station: event.station,
    action: body.action,
    payload: body.payload,
    status: "requested",
    outcome: null,
    response: null,
    late_response: null,
    deadline: body.deadline,
    requested_at: event.logTime,
    sent_at: null,
    ended_at: null,
    origin: JSON.stringify(body.origin),
    last_updated: event.logTime,
  };
}

function changeCommand(rows: WorkingSet, id: string, change: (row: CommandRow) => CommandRow): "applied" | "orphan" {
  const row = rows.commands.get(id);
  if (!row) return "orphan";
  rows.commands.put(id, change(row));
  return "applied";
}

function sentCommand(row: CommandRow, logTime: number): CommandRow {
  return { ...row, status: row.status === "done" ? "done" : "sent", sent_at: logTime, last_updated: logTime };
}

/** The first end in the log wins (rule C4). */
function endedCommand(row: CommandRow, body: Body<"commandEnded">, logTime: number): CommandRow {
  if (row.status === "done") return row;
  return {
    ...row,
    status: "done",
    outcome: body.outcome,
    response: body.response,
    ended_at: logTime,
    last_updated: logTime,
  };
}
