// One batch of `charging.events` becomes rows: the same code for the live tables and for a rebuild beside them.
import { CorruptRecordError, UnknownRecordError } from "../../core/records/codec.ts";
import { decodeEvent, type DomainEvent } from "../../core/records/domain-event.ts";
import type { LogBatch, LogRecord } from "../../core/log/log.ts";
import { messageOf, WattlogError } from "../../core/runtime/errors.ts";
import type { FoldStore } from "../../core/store/store.ts";
import type { PositionRow } from "../../core/store/tables.ts";
import { Chains, type Link } from "./chain.ts";
import { positionAfter } from "./position.ts";
import { projectEvent } from "./project.ts";
import { StatusIntervals } from "./status-intervals.ts";
import { stationKey, WorkingSet } from "./working-set.ts";

export interface BatchResult {
  readonly position: PositionRow;
  /** Those that changed rows, in log order. */
  readonly applied: readonly DomainEvent[];
  /** Stations that stopped in this batch, each with the reason. */
  readonly broken: readonly { readonly party: string; readonly station: string; readonly reason: string }[];
  /** Events of sessions or commands without a row: a fold that is wrong. */
  readonly orphans: readonly DomainEvent[];
  /** CDRs that say another energy than their session's row: a fold that is wrong. */
  readonly mismatches: readonly DomainEvent[];
}

type Item =
  | { readonly party: string; readonly station: string; readonly event: DomainEvent }
  | { readonly party: string; readonly station: string; readonly event: null; readonly why: string };

/** One partition from one position on, with the rows that were touched last in memory. */
export class Projection {
  private readonly store: FoldStore;
  private readonly chains: Chains;
  private readonly rows: WorkingSet;
  private readonly intervals: StatusIntervals;
  private at: PositionRow;

  constructor(store: FoldStore, position: PositionRow) {
    const scope = { tableSet: position.table_set, partition: position.partition };
    this.store = store;
    this.chains = new Chains(scope);
    this.rows = new WorkingSet(scope);
    this.intervals = new StatusIntervals(scope);
    this.at = position;
  }

  get position(): PositionRow {
    return this.at;
  }

  /**
   * Rows and position move together (rule F3). After an error this object must not be used again.
   * @throws WattlogError `fold/unknown-record` a newer process wrote it; the partition pauses (rule F8).
   * @throws WattlogError `fold/zombie`, TableSetChanged, StoreRewound: see `Store.write`.
   */
  async project(batch: LogBatch): Promise<BatchResult> {
    const { store, chains, rows, intervals, at: from } = this;
    const items = batch.records.map(itemOf);
    await chains.load(store.reader, items);
    const { applied, broken } = linkAll(items, chains);
    await rows.load(store.reader, applied);
    await intervals.load(store.reader, applied);
    const orphans: DomainEvent[] = [];
    const mismatches: DomainEvent[] = [];
    for (const event of applied) {
      if (saysOtherEnergy(event, rows)) mismatches.push(event);
      if (projectEvent(event, rows) === "orphan") orphans.push(event);
      intervals.take(event, rows.stations.get(stationKey(event)));
    }
    const counted = { applied: applied.length, skipped: items.length - applied.length };
    const to = positionAfter(from, batch, counted);
    await store.write({
      move: { from, to },
      changes: [
        { act: "upsert", table: "chain", rows: chains.dirty() },
        ...rows.changes(),
        { act: "upsert", table: "status_interval", rows: intervals.dirty() },
      ],
    });
    chains.written();
    rows.written();
    intervals.written();
    this.at = to;
    return { position: to, applied, broken, orphans, mismatches };
  }
}

/** A credit takes back what it names, whatever the session says by now; what a person corrected is another energy on purpose. */
function saysOtherEnergy({ body }: DomainEvent, rows: WorkingSet): boolean {
  if (body.kind !== "cdrIssued" || body.cdr.credits !== null) return false;
  if (body.cdr.annotations.includes("correctedByReview")) return false;
  const session = rows.sessions.get(body.cdr.sessionId);
  return session !== undefined && session.energy_mwh !== body.cdr.energyMwh;
}

function linkAll(items: readonly Item[], chains: Chains) {
  const applied: DomainEvent[] = [];
  const broken: { party: string; station: string; reason: string }[] = [];
  for (const item of items) {
    const { party, station, event } = item;
    const link: Link = event ? chains.link(event) : chains.unreadable(party, station, item.why);
    if (link === "next") applied.push(event!);
    if (link === "broken") {
      broken.push({
        party,
        station,
        reason: chains.dirty().find((r) => r.party === party && r.station === station)?.stopped ?? "",
      });
    }
  }
  return { applied, broken };
}

function itemOf(record: LogRecord): Item {
  try {
    const event = decodeEvent(record.value);
    return { party: event.party, station: event.station, event };
  } catch (error) {
    if (error instanceof UnknownRecordError) {
      throw new WattlogError(
        "fold/unknown-record",
        `the event at offset ${record.offset} is of a newer wattlog: ${error.message}. Update this process; nothing is lost.`,
        { cause: error },
      );
    }
    if (!(error instanceof CorruptRecordError)) throw error;
    const slash = record.key.indexOf("/");
    return {
      party: record.key.slice(0, slash),
      station: record.key.slice(slash + 1),
      event: null,
      why: `the event at offset ${record.offset} cannot be read: ${messageOf(error)}`,
    };
  }
}
