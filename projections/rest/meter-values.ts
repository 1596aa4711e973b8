// The readings of a session one by one, out of rows that hold those of an event.
import type { Reading } from "../../core/records/domain-event.ts";
import { unpackReadings } from "../../core/store/meter-values.ts";
import type { Store } from "../../core/store/store.ts";

export interface MeterValue {
  readonly reading: Reading;
  readonly receivedAt: number;
  /** Among those of its session: rises with the station's event and the reading's place in it. */
  readonly place: number;
}

const readingsPerEvent = 65_536;

export interface MeterValueQuery {
  readonly party: string;
  readonly sessionId: string;
  readonly measurand: string | undefined;
  /** Those behind this place. */
  readonly after: number | undefined;
  /** At most. */
  readonly limit: number;
}

export async function meterValuesOf(reader: Store["reader"], query: MeterValueQuery): Promise<readonly MeterValue[]> {
  const { party, sessionId, measurand, after = -1, limit } = query;
  const found: MeterValue[] = [];
  let from = Math.max(0, Math.floor(after / readingsPerEvent));
  while (found.length < limit) {
    const rows = await reader
      .selectFrom("live_meter_value")
      .select(["sequence", "readings", "last_updated"])
      .where("party", "=", party)
      .where("session_id", "=", sessionId)
      .where("sequence", ">=", from)
      .orderBy("sequence")
      .limit(limit)
      .execute();
    for (const { sequence, readings, last_updated: receivedAt } of rows) {
      for (const [index, reading] of unpackReadings(readings).entries()) {
        const place = sequence * readingsPerEvent + index;
        const isWanted = place > after && (measurand === undefined || reading.measurand === measurand);
        if (isWanted) found.push({ reading, receivedAt, place });
      }
    }
    if (rows.length < limit) break;
    from = rows.at(-1)!.sequence + 1;
  }
  return found.slice(0, limit);
}
