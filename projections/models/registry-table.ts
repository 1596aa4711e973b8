// Keeps `registry_version`: every applied version of every entity, with who changed it and when (rules R1, R2).
import { readRegistry } from "../../core/log/generations.ts";
import type { EventLog, LogBatch } from "../../core/log/log.ts";
import { decodeChange } from "../../core/records/registry-change.ts";
import { RegistryFold } from "../../core/registry/fold.ts";
import type { Store } from "../../core/store/store.ts";
import type { PositionRow, RegistryVersionRow } from "../../core/store/tables.ts";
import { openPosition } from "../../core/store/position.ts";
import { positionAfter, verifyFingerprint } from "./position.ts";

export const registryRole = "registry";

/** A verdict asks whether there is a document, not what is in it: a million of them are in the table already. */
const present = {};

/** Verdicts need every change before: the fold reads from the beginning, rows are written from the position on. */
export class RegistryTable {
  private readonly log: EventLog;
  private readonly store: Store;
  private fold = new RegistryFold();
  private row: PositionRow | undefined;

  constructor(log: EventLog, store: Store) {
    this.log = log;
    this.store = store;
  }

  get position(): PositionRow | undefined {
    return this.row;
  }

  /** @returns where to consume from. */
  async open(): Promise<number> {
    const topic = this.log.topics.registry;
    const row = await openPosition(this.store, registryRole, topic, 0);
    await verifyFingerprint(this.log, topic, row);
    this.fold = new RegistryFold();
    for await (const batch of readRegistry(this.log, 0, row.next)) versionsOf(this.fold, batch);
    this.fold.beginGeneration(row.next);
    this.row = row;
    return row.next;
  }

  async handle(batch: LogBatch): Promise<void> {
    const from = this.row!;
    const versions = versionsOf(this.fold, batch);
    const counted = { applied: versions.length, skipped: batch.records.length - versions.length };
    const to = positionAfter(from, batch, counted);
    await this.store.write({
      move: { from, to },
      changes: [{ act: "upsert", table: "registry_version", rows: versions }],
    });
    this.row = to;
  }
}

/** What the table should hold by the changes before `upTo`, in the order of the log. */
export async function* registryVersions(
  log: EventLog,
  upTo: number,
): AsyncGenerator<{ readonly rows: readonly RegistryVersionRow[]; readonly next: number }> {
  const fold = new RegistryFold();
  for await (const batch of readRegistry(log, 0, upTo)) {
    yield { rows: versionsOf(fold, batch), next: batch.records.at(-1)!.offset + 1 };
  }
}

function versionsOf(fold: RegistryFold, batch: LogBatch): RegistryVersionRow[] {
  const rows: RegistryVersionRow[] = [];
  for (const { offset, logTime, value } of batch.records) {
    const change = decodeChange(value);
    const verdict = fold.apply(offset, logTime, change.doc ? { ...change, doc: present } : change);
    if (verdict.result !== "applied") continue;
    rows.push({
      party: change.party,
      entity: change.entity,
      id: change.id,
      version: verdict.version,
      document: change.doc === null ? null : JSON.stringify(change.doc),
      actor: change.actor,
      log_time: logTime,
    });
  }
  return rows;
}
