// The ledgers against the log, and the tables: every frame that was taken in stands in the log verbatim, as what it is, with
// the very answer that came over the wire; nothing else is there; what was not understood has its row in the quarantine.
import type { FrameRecord } from "../../core/records/frame-record.ts";
import { CorruptRecordError, decodeRecord } from "../../core/records/codec.ts";
import { withLog, withStore, type Source } from "../../deploy/roles/source.ts";
import { shaOf, type Entry, type Faults, type Sent } from "./ledger.ts";

export interface LogCheck {
  readonly records: number;
  readonly found: number;
  readonly quarantined: number;
}

export async function checkLog(source: Source, ledgers: readonly Sent[], faults: Faults): Promise<LogCheck> {
  const byConnection = new Map(ledgers.map((ledger) => [ledger.connectionId, indexOf(ledger.entries)]));
  const counts = { records: 0, found: 0, quarantined: 0 };
  await withLog(source, async (log) => {
    for (let partition = 0; partition < log.topics.frames.partitions; partition++) {
      const end = await log.endOffset(log.topics.frames, partition);
      for await (const { records } of log.read(log.topics.frames, partition, 0, end)) {
        for (const { offset, value } of records) {
          counts.records++;
          const record = decoded(value);
          if (record === undefined) faults.add(`${partition}:${offset}`, "a record that cannot be read");
          else check(record, `${partition}:${offset}`);
        }
      }
    }
  });

  function check(record: FrameRecord, place: string): void {
    const bytes = bytesOf(record);
    const sent = byConnection.get(record.source);
    if (bytes === undefined || sent === undefined) return;
    if (record.kind === "quarantined") counts.quarantined++;
    const found = sent.get(shaOf(bytes))?.find((entry) => entry.inLog === 0 && entry.kept === record.kind);
    if (found === undefined) {
      const text = Buffer.from(bytes).toString("utf8").slice(0, 300);
      return faults.add(place, `${record.kind} of ${record.station} was never sent, or not so often: ${text}`);
    }
    counts.found++;
    found.inLog++;
    const answer = "answer" in record && record.answer ? shaOf(record.answer) : undefined;
    if (found.answered !== undefined && found.answered !== answer)
      faults.add(found.ref, `the answer in the log (${place}) is not the one that came`);
  }

  for (const { entries } of ledgers) for (const entry of entries) checkEntry(entry, faults);
  return counts;
}

function checkEntry(entry: Entry, faults: Faults): void {
  if (entry.inLog === 1 || (!entry.taken && entry.answered === undefined)) return;
  // The very same CALL again gets its answer from memory (ocpp.md, message id).
  if (entry.isRepeat && entry.kept === "exchange") return;
  faults.add(entry.ref, `is not in the log as ${entry.kept}`);
}

function indexOf(entries: readonly Entry[]): ReadonlyMap<string, Entry[]> {
  const index = new Map<string, Entry[]>();
  for (const entry of entries) {
    const same = index.get(entry.sha);
    if (same) same.push(entry);
    else index.set(entry.sha, [entry]);
  }
  return index;
}

function bytesOf(record: FrameRecord): Uint8Array | undefined {
  switch (record.kind) {
    case "exchange":
      return record.call;
    case "quarantined":
      return record.bytes;
    case "commandResult":
      return record.frame;
    default:
      return undefined;
  }
}

function decoded(value: Uint8Array): FrameRecord | undefined {
  try {
    return decodeRecord(value);
  } catch (error) {
    if (error instanceof CorruptRecordError) return undefined;
    throw error;
  }
}

/** Rows of the quarantine at the gateway's stage, of these stations; once the folds stand at the log's end. */
export async function quarantineRows(source: Source, ledgers: readonly Sent[]): Promise<number> {
  const stations = new Set(ledgers.map(({ station }) => station));
  const rows = await withStore(source, (store) =>
    store.snapshot((db) =>
      db
        .selectFrom("live_quarantine")
        .select(["station", (eb) => eb.fn.countAll<number>().as("rows")])
        .where("stage", "=", "gateway")
        .groupBy("station")
        .execute(),
    ),
  );
  return rows.reduce((sum, row) => sum + (stations.has(row.station) ? row.rows : 0), 0);
}
