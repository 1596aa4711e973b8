// Rule F5: a station's events are a chain. The next link applies, an earlier one is a repeat, anything else stops
// that station and nobody else.
import { chainHash, chainStart, type DomainEvent } from "../../core/records/domain-event.ts";
import type { Store } from "../../core/store/store.ts";
import type { ChainRow } from "../../core/store/tables.ts";
import { chunks, RowMap, stationKey, stationsByParty, type Scope } from "./working-set.ts";

export type Link = "next" | "repeat" | "stopped" | "broken";

export class Chains {
  private readonly scope: Scope;
  private readonly rows = new RowMap<ChainRow>();

  constructor(scope: Scope) {
    this.scope = scope;
  }

  async load(db: Store["reader"], of: Iterable<{ readonly party: string; readonly station: string }>): Promise<void> {
    for (const [party, stations] of stationsByParty(of)) {
      for (const chunk of chunks(this.rows.unknown(stations, (station) => stationKey({ party, station })))) {
        const rows = db.selectFrom("chain").selectAll().where("table_set", "=", this.scope.tableSet);
        for (const row of await rows.where("party", "=", party).where("station", "in", chunk).execute()) {
          this.rows.load(stationKey(row), row);
        }
      }
    }
  }

  /** Takes the event as the chain's next link, or says why not. `broken`: it stops the station from here on. */
  link(event: DomainEvent): Link {
    const row = this.rowOf(event);
    if (row.stopped !== null) return "stopped";
    if (event.sequence <= row.sequence) return "repeat";
    const wanted = chainHash(row.hash, event.party, event.station, event.cause);
    if (event.sequence !== row.sequence + 1) {
      return this.stop(row, `event ${event.sequence} follows ${row.sequence} (cause ${event.cause})`);
    }
    if (event.hash !== wanted) {
      return this.stop(row, `event ${event.sequence} has hash ${event.hash}, not ${wanted} (cause ${event.cause})`);
    }
    this.rows.put(stationKey(event), { ...row, sequence: event.sequence, hash: event.hash });
    return "next";
  }

  /** A record that is no event at all: its station cannot go on, for a link is missing now. */
  unreadable(party: string, station: string, why: string): Link {
    const row = this.rowOf({ party, station });
    return row.stopped === null ? this.stop(row, why) : "stopped";
  }

  dirty(): ChainRow[] {
    return this.rows.dirty();
  }

  /** The store has all of it. */
  written(): void {
    this.rows.written();
  }

  private stop(row: ChainRow, why: string): "broken" {
    this.rows.put(stationKey(row), { ...row, stopped: why });
    return "broken";
  }

  private rowOf({ party, station }: { readonly party: string; readonly station: string }): ChainRow {
    const { tableSet, partition } = this.scope;
    return (
      this.rows.get(stationKey({ party, station })) ??
      ({
        table_set: tableSet,
        partition,
        party,
        station,
        sequence: 0,
        hash: chainStart,
        stopped: null,
      } satisfies ChainRow)
    );
  }
}
