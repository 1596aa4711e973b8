// The rows that one batch touches: loaded in bulk, changed in memory, written once.
import type { DomainEvent } from "../../core/records/domain-event.ts";
import type { Store, StoreTransaction } from "../../core/store/store.ts";
import type {
  CdrRow,
  CommandRow,
  ConnectorRow,
  MeterValueRow,
  SessionRow,
  StationDocumentRow,
  StationRow,
} from "../../core/store/tables.ts";

/** SQLite and Postgres both take more, but one statement for each size would be compiled. */
const keysPerQuery = 400;

export interface Scope {
  readonly tableSet: number;
  readonly partition: number;
}

/** Values of a table by key; remembers which were changed. */
export class RowMap<Row extends object> {
  private readonly rows = new Map<string, Row>();
  private readonly changed = new Set<string>();

  get(key: string): Row | undefined {
    return this.rows.get(key);
  }

  /** As it stands in the store. */
  load(key: string, row: Row): void {
    this.rows.set(key, row);
  }

  put(key: string, row: Row): void {
    this.rows.set(key, row);
    this.changed.add(key);
  }

  dirty(): Row[] {
    return [...this.changed].map((key) => this.rows.get(key)!);
  }
}

export class WorkingSet {
  readonly scope: Scope;
  readonly stations = new RowMap<StationRow>();
  readonly connectors = new RowMap<ConnectorRow>();
  readonly sessions = new RowMap<SessionRow>();
  readonly commands = new RowMap<CommandRow>();
  /** Rows before are loaded for patches alone. */
  readonly documents = new RowMap<StationDocumentRow>();
  /** Only ever added; the key of each says its place, so writing one twice changes nothing. */
  readonly meterValues: MeterValueRow[] = [];
  readonly cdrs: CdrRow[] = [];

  constructor(scope: Scope) {
    this.scope = scope;
  }

  async load(db: Store["reader"], events: readonly DomainEvent[]): Promise<void> {
    const set = this.scope.tableSet;
    for (const [party, stations] of stationsByParty(events)) {
      for (const chunk of chunks(stations)) {
        const rows = db.selectFrom("station").selectAll().where("table_set", "=", set);
        for (const row of await rows.where("party", "=", party).where("station", "in", chunk).execute()) {
          this.stations.load(stationKey(row), row);
        }
      }
    }
    for (const [party, stations] of stationsByParty(events.filter(({ body }) => body.kind === "connectorStatus"))) {
      for (const chunk of chunks(stations)) {
        const rows = db.selectFrom("connector").selectAll().where("table_set", "=", set);
        for (const row of await rows.where("party", "=", party).where("station", "in", chunk).execute()) {
          this.connectors.load(connectorKey(row), row);
        }
      }
    }
    for (const chunk of chunks(sessionIds(events))) {
      const rows = db.selectFrom("session").selectAll().where("table_set", "=", set).where("id", "in", chunk);
      for (const row of await rows.execute()) this.sessions.load(row.id, row);
    }
    for (const chunk of chunks(commandIds(events))) {
      const rows = db.selectFrom("command").selectAll().where("table_set", "=", set).where("id", "in", chunk);
      for (const row of await rows.execute()) this.commands.load(row.id, row);
    }
    await this.loadDocuments(db, events);
  }

  private async loadDocuments(db: Store["reader"], events: readonly DomainEvent[]): Promise<void> {
    for (const { party, station, body } of events) {
      if (body.kind !== "documentsChanged") continue;
      const patched = body.changes.filter((change) => change.patch);
      for (const chunk of chunks(new Set(patched.map(({ key }) => key)))) {
        const rows = db
          .selectFrom("station_document")
          .selectAll()
          .where("table_set", "=", this.scope.tableSet)
          .where("party", "=", party)
          .where("station", "=", station)
          .where("collection", "in", [...new Set(patched.map(({ collection }) => collection))])
          .where("key", "in", chunk);
        for (const row of await rows.execute()) this.documents.load(documentKey(row), row);
      }
    }
  }

  async write(tx: StoreTransaction): Promise<void> {
    await tx.upsert("station", this.stations.dirty());
    await tx.upsert("connector", this.connectors.dirty());
    await tx.upsert("session", this.sessions.dirty());
    await tx.upsert("command", this.commands.dirty());
    await tx.upsert("station_document", this.documents.dirty());
    await tx.insertNew("meter_value", this.meterValues);
    await tx.insertNew("cdr", this.cdrs);
  }
}

export function stationKey(of: { readonly party: string; readonly station: string }): string {
  return `${of.party}/${of.station}`;
}

export function connectorKey(of: {
  readonly party: string;
  readonly station: string;
  readonly evse_id: number;
  readonly connector_id: number;
}): string {
  return `${stationKey(of)}/${of.evse_id}/${of.connector_id}`;
}

export function documentKey(of: {
  readonly party: string;
  readonly station: string;
  readonly collection: string;
  readonly key: string;
}): string {
  return `${stationKey(of)}/${of.collection}/${of.key}`;
}

export function stationsByParty(of: Iterable<{ readonly party: string; readonly station: string }>) {
  const byParty = new Map<string, Set<string>>();
  for (const { party, station } of of) {
    const stations = byParty.get(party);
    if (stations) stations.add(station);
    else byParty.set(party, new Set([station]));
  }
  return byParty;
}

export function* chunks<T>(values: Iterable<T>): Generator<T[]> {
  let chunk: T[] = [];
  for (const value of values) {
    chunk.push(value);
    if (chunk.length < keysPerQuery) continue;
    yield chunk;
    chunk = [];
  }
  if (chunk.length > 0) yield chunk;
}

function sessionIds(events: readonly DomainEvent[]): Set<string> {
  const ids = new Set<string>();
  for (const { body } of events) {
    if (body.kind === "cdrIssued") ids.add(body.cdr.sessionId);
    else if ("sessionId" in body) ids.add(body.sessionId);
  }
  return ids;
}

function commandIds(events: readonly DomainEvent[]): Set<string> {
  const ids = new Set<string>();
  for (const { body } of events) if ("commandId" in body) ids.add(body.commandId);
  return ids;
}
