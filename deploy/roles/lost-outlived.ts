// Rule B5: where the log of events outlived that of frames (a mirror copies topics at their own pace), it tells of sessions and
// CDRs whose frames are gone. They stand; which they are is on the list.
import type { EventLog } from "../../core/log/log.ts";
import { decodeEvent } from "../../core/records/domain-event.ts";
import type { StationStateRow } from "../../core/store/tables.ts";
import type { LostItem } from "./lost.ts";

/** A station whose events go further than what the surviving frames lead to. */
export interface Outlived {
  readonly party: string;
  readonly station: string;
  /** Sequences of its last event: by the frames, by the log of events. */
  readonly folded: number;
  readonly told: number;
  /** Its state, with its chain where the events stand. */
  readonly row: StationStateRow;
}

/** @returns one for each station, with the sessions and the issued CDRs that the events beyond its frames speak of */
export async function outlivedItems(
  log: EventLog,
  partition: number,
  stations: readonly Outlived[],
): Promise<readonly LostItem[]> {
  if (stations.length === 0) return [];
  const beyond = new Map(
    stations.map((one) => [
      `${one.party}/${one.station}`,
      { ...one, sessions: new Set<string>(), cdrs: new Set<string>() },
    ]),
  );
  const { events } = log.topics;
  for await (const { records } of log.read(events, partition, 0, await log.endOffset(events, partition))) {
    for (const { key, value } of records) {
      const found = beyond.get(key);
      if (!found) continue;
      const { sequence, body } = decodeEvent(value);
      if (sequence <= found.folded) continue;
      if ("sessionId" in body && body.sessionId !== null) found.sessions.add(body.sessionId);
      if (body.kind === "cdrIssued") found.cdrs.add(body.cdr.id);
    }
  }
  return [...beyond].map(([key, { party, station, folded, told, sessions, cdrs }]) => {
    const what = { folded, told, sessions: [...sessions], cdrs: [...cdrs] };
    return { party, station, kind: "events", id: `${key}/${told}`, what };
  });
}
