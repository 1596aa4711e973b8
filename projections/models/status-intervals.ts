// What each connector was, from when to when: the facts that uptime is computed from. Times are log times, so a rebuild
// writes the same rows. A station without a connection is `Offline`, whatever its connectors said last; back online they are
// what they said last until they say something else.
import type { DomainEvent } from "../../core/records/domain-event.ts";
import type { Store } from "../../core/store/store.ts";
import { offlineStatus, openEnd, unnamedFault, type StatusIntervalRow } from "../../core/store/status-interval.ts";
import type { StationRow } from "../../core/store/tables.ts";
import { chunks, connectorKey, stationKey, stationsByParty, type Scope } from "./working-set.ts";

type Begins = Pick<StatusIntervalRow, "status" | "reported" | "cause" | "fault_code">;

/** The open intervals of the stations of one batch, and all that the batch changed. */
export class StatusIntervals {
  private readonly scope: Scope;
  /** By station, then by connector. */
  private open = new Map<string, Map<string, StatusIntervalRow>>();
  private changed = new Map<string, StatusIntervalRow>();

  constructor(scope: Scope) {
    this.scope = scope;
  }

  async load(db: Store["reader"], events: readonly DomainEvent[]): Promise<void> {
    for (const [party, stations] of stationsByParty(events.filter(({ body }) => kinds.has(body.kind)))) {
      for (const chunk of chunks(stations)) {
        const rows = db.selectFrom("status_interval").selectAll().where("table_set", "=", this.scope.tableSet);
        const open = rows.where("party", "=", party).where("station", "in", chunk).where("to_at", "=", openEnd);
        for (const row of await open.execute()) this.ofStation(row).set(connectorKey(row), row);
      }
    }
  }

  /** @param station its row, for what it is a model of */
  take(event: DomainEvent, station: StationRow | undefined): void {
    const { body } = event;
    if (body.kind === "connectorStatus") {
      const fault_code = body.errorCode ?? (body.status === "Faulted" ? unnamedFault : null);
      const place = { evse_id: body.evseId, connector_id: body.connectorId };
      const before = this.ofStation(event).get(connectorKey({ ...event, ...place }));
      if (before && before.status === body.status && before.fault_code === fault_code) return;
      const begins = { status: body.status, reported: body.status, cause: "reported", fault_code };
      this.begin(event, station, place, begins, before);
    } else if (body.kind === "stationOffline") {
      for (const before of this.ofStation(event).values()) {
        if (before.status === offlineStatus) continue;
        this.begin(event, station, before, { ...before, status: offlineStatus, cause: body.reason }, before);
      }
    } else if (body.kind === "stationOnline") {
      for (const before of this.ofStation(event).values()) {
        if (before.status !== offlineStatus) continue;
        this.begin(event, station, before, { ...before, status: before.reported, cause: "reconnected" }, before);
      }
    }
  }

  dirty(): StatusIntervalRow[] {
    return [...this.changed.values()];
  }

  /** The store has all of it. */
  written(): void {
    this.open = new Map();
    this.changed = new Map();
  }

  private begin(
    { party, station, sequence, logTime }: DomainEvent,
    row: StationRow | undefined,
    { evse_id, connector_id }: Pick<StatusIntervalRow, "evse_id" | "connector_id">,
    { status, reported, cause, fault_code }: Begins,
    before: StatusIntervalRow | undefined,
  ): void {
    // A log's time may step back over a change of leader; an interval never ends before it began.
    const from_at = Math.max(logTime, before?.from_at ?? logTime);
    if (before) this.put({ ...before, to_at: from_at });
    this.put({
      table_set: this.scope.tableSet,
      partition: this.scope.partition,
      party,
      station,
      evse_id,
      connector_id,
      sequence,
      status,
      reported,
      cause,
      fault_code,
      vendor: row?.vendor ?? null,
      model: row?.model ?? null,
      firmware: row?.firmware ?? null,
      from_at,
      to_at: openEnd,
    });
  }

  private put(row: StatusIntervalRow): void {
    const key = connectorKey(row);
    this.changed.set(`${key}/${row.sequence}`, row);
    if (row.to_at === openEnd) this.ofStation(row).set(key, row);
  }

  private ofStation(of: { readonly party: string; readonly station: string }): Map<string, StatusIntervalRow> {
    const key = stationKey(of);
    const known = this.open.get(key) ?? new Map<string, StatusIntervalRow>();
    this.open.set(key, known);
    return known;
  }
}

const kinds: ReadonlySet<string> = new Set(["connectorStatus", "stationOnline", "stationOffline"]);
