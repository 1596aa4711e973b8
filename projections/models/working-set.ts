// The rows that batches touch: loaded in bulk where they are not in memory, changed there, written once a batch.
import { limits } from "../../core/config/limits.ts";
import type { DomainEvent } from "../../core/records/domain-event.ts";
import type { Change, Store } from "../../core/store/store.ts";
import type {
  CdrReviewRow,
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

/** Values of a table by key, those used last at the end; remembers which were changed, and which do not exist. */
export class RowMap<Row extends object> {
  private readonly rows = new Map<string, Row | undefined>();
  private readonly changed = new Set<string>();

  get(key: string): Row | undefined {
    return this.rows.get(key);
  }

  /** Of these, those that the store is to be asked for; until it is, they count as rows that do not exist. */
  unknown<Key>(keys: Iterable<Key>, nameOf: (key: Key) => string): Key[] {
    const unknown: Key[] = [];
    for (const key of keys) {
      const name = nameOf(key);
      if (!this.rows.has(name)) unknown.push(key);
      const row = this.rows.get(name);
      this.rows.delete(name);
      this.rows.set(name, row);
    }
    return unknown;
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

  /** What was changed is in the store. @param isKept of the rows that were changed; default: all */
  written(isKept: (row: Row) => boolean = () => true): void {
    for (const key of this.changed) {
      const row = this.rows.get(key);
      if (row && !isKept(row)) this.rows.delete(key);
    }
    this.changed.clear();
    for (const key of this.rows.keys()) {
      if (this.rows.size <= limits.projectionRowsInMemory) return;
      this.rows.delete(key);
    }
  }
}

/** Nobody but the fold of the partition writes these rows, so what was written or read once is true until it fails. */
export class WorkingSet {
  readonly scope: Scope;
  readonly stations = new RowMap<StationRow>();
  readonly sessions = new RowMap<SessionRow>();
  readonly commands = new RowMap<CommandRow>();
  /** Of one batch. */
  connectors = new RowMap<ConnectorRow>();
  /** Of one batch. Rows before are loaded for patches alone. */
  documents = new RowMap<StationDocumentRow>();
  /** Of one batch. */
  reviews = new RowMap<CdrReviewRow>();
  /** Only ever added; the key of each says its place, so writing one twice changes nothing. */
  meterValues: MeterValueRow[] = [];
  cdrs: CdrRow[] = [];

  constructor(scope: Scope) {
    this.scope = scope;
  }

  async load(db: Store["reader"], events: readonly DomainEvent[]): Promise<void> {
    const set = this.scope.tableSet;
    for (const [party, stations] of stationsByParty(events)) {
      for (const chunk of chunks(this.stations.unknown(stations, (station) => stationKey({ party, station })))) {
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
    for (const chunk of chunks(this.sessions.unknown(sessionIds(events), (id) => id))) {
      const rows = db.selectFrom("session").selectAll().where("table_set", "=", set).where("id", "in", chunk);
      for (const row of await rows.execute()) this.sessions.load(row.id, row);
    }
    for (const chunk of chunks(this.commands.unknown(commandIds(events), (id) => id))) {
      const rows = db.selectFrom("command").selectAll().where("table_set", "=", set).where("id", "in", chunk);
      for (const row of await rows.execute()) this.commands.load(row.id, row);
    }
    await this.loadDocuments(db, events);
    await this.loadReviews(db, events);
  }

  private async loadReviews(db: Store["reader"], events: readonly DomainEvent[]): Promise<void> {
    for (const chunk of chunks(reviewedIds(events))) {
      const rows = db.selectFrom("cdr_review").selectAll().where("table_set", "=", this.scope.tableSet);
      for (const row of await rows.where("id", "in", chunk).execute()) this.reviews.load(row.id, row);
    }
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

  changes(): readonly Change[] {
    return [
      { act: "upsert", table: "station", rows: this.stations.dirty() },
      { act: "upsert", table: "connector", rows: this.connectors.dirty() },
      { act: "upsert", table: "session", rows: this.sessions.dirty() },
      { act: "upsert", table: "command", rows: this.commands.dirty() },
      { act: "upsert", table: "station_document", rows: this.documents.dirty() },
      { act: "upsert", table: "cdr_review", rows: this.reviews.dirty() },
      { act: "insertNew", table: "meter_value", rows: this.meterValues },
      { act: "insertNew", table: "cdr", rows: this.cdrs },
    ];
  }

  /** The store has all of it. */
  written(): void {
    this.stations.written();
    this.sessions.written();
    // One that has ended hardly changes any more, and may be large.
    this.commands.written(({ status }) => status !== "done");
    this.connectors = new RowMap();
    this.documents = new RowMap();
    this.reviews = new RowMap();
    this.meterValues = [];
    this.cdrs = [];
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

function reviewedIds(events: readonly DomainEvent[]): Set<string> {
  const ids = new Set<string>();
  for (const { body } of events) {
    if (body.kind === "cdrHeld") ids.add(body.cdr.id);
    if (body.kind === "cdrReviewed") ids.add(body.cdrId);
  }
  return ids;
}
