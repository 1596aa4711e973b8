// Held to the store: position and state move together (rule F3), nothing is left out (L2), and a fold of the log from its
// beginning gives the same rows and events (L4, F6).
import type { DomainEvent } from "../../../core/records/domain-event.ts";
import { decodeEvent } from "../../../core/records/domain-event.ts";
import { unpackBundle } from "../../../core/records/bundle.ts";
import type { TableName } from "../../../core/store/tables.ts";
import { RegistryView } from "../../../core/registry/view.ts";
import { refold } from "../../../processors/refold.ts";
import type { Journal } from "../journal.ts";
import { openStore, StoreServer } from "../store.ts";
import type { World } from "../world.ts";

const foldedTables = ["station_state", "reading", "frame_index", "quarantine", "parked"] as const satisfies TableName[];

/** At each commit. */
export function checkCommit(journal: Journal, changed: ReadonlySet<string>, store: StoreServer): void {
  const isFolded = foldedTables.some((table) => changed.has(table));
  if (isFolded)
    journal.check(
      "F3",
      changed.has("position"),
      () => `Rows of ${[...changed].join(", ")} moved without their position.`,
    );
  if (!changed.has("position")) return;
  for (const { role, partition, next, applied, skipped, quarantined, parked } of store.rows("position")) {
    if (role !== "processor") continue;
    const counted = applied + skipped + quarantined + parked;
    journal.check(
      "L2",
      counted === next,
      () => `Partition ${partition} stands at ${next} and has counted ${counted} records.`,
    );
  }
}

/** At the end, when everything is folded. */
export async function checkRefold(
  journal: Journal,
  { log, store, scheduler, onlooker }: Pick<World, "log" | "store" | "scheduler" | "onlooker">,
  events: ReadonlyMap<string, readonly DomainEvent[]>,
): Promise<void> {
  const { frames } = log.topics;
  const partitions = Array.from({ length: frames.partitions }, (_, partition) => partition);
  for (const partition of partitions) {
    const end = log.all(frames, partition).length;
    const next = store.position(partition)?.next ?? 0;
    journal.check("L2", next === end, () => `Partition ${partition} stands at ${next} of ${end} records.`);
  }
  const scratch = new StoreServer();
  const client = log.client(onlooker);
  const registry = new RegistryView(client);
  const folding = (async () => {
    await registry.start();
    const upTo = new Map(partitions.map((partition) => [partition, store.position(partition)?.next ?? 0]));
    const options = {
      log: client,
      registry,
      into: openStore(scratch),
      partitions,
      upTo,
      holds: store.rows("quarantine"),
    };
    await refold({ ...options, keepEvents: true, maxRecords: scheduler.random.whole(1, 60) });
  })();
  let isDone = false;
  let failure: unknown;
  folding.then(
    () => (isDone = true),
    (error: unknown) => {
      failure = error;
      isDone = true;
    },
  );
  await scheduler.run(scheduler.now + 600_000, () => isDone);
  journal.check("L4", isDone && failure === undefined, () => `The log cannot be folded again: ${String(failure)}`);
  for (const table of foldedTables) {
    const [live, again] = [rowsOf(store, table), rowsOf(scratch, table)];
    const at = live.findIndex((row, index) => row !== again[index]);
    journal.check("L4", live.length === again.length && at < 0, () => {
      return `${table} has ${live.length} rows, a refold ${again.length}; row ${at} is ${String(live[at]).slice(0, 200)} and ${String(again[at]).slice(0, 200)}.`;
    });
  }
  checkEvents(journal, scratch, events);
}

function rowsOf(store: StoreServer, table: TableName): string[] {
  const text = (_: string, value: unknown): unknown =>
    value instanceof Uint8Array ? Buffer.from(value).toString("hex") : value;
  return store
    .rows(table)
    .map((row) => JSON.stringify(row, text))
    .sort();
}

function checkEvents(
  journal: Journal,
  scratch: StoreServer,
  events: ReadonlyMap<string, readonly DomainEvent[]>,
): void {
  const again = new Map<string, string[]>();
  const rows = scratch.rows("outbox").toSorted((a, b) => a.partition - b.partition || a.sequence - b.sequence);
  for (const { value } of rows.flatMap((row) => unpackBundle(row.events))) {
    const { station, hash } = decodeEvent(value);
    again.set(station, [...(again.get(station) ?? []), hash]);
  }
  const stations = new Set([...again.keys(), ...events.keys()]);
  for (const station of stations) {
    const sent = (events.get(station) ?? []).map(({ hash }) => hash);
    const folded = again.get(station) ?? [];
    const isSame = sent.length === folded.length && sent.every((hash, at) => hash === folded[at]);
    journal.check("L4", isSame, () => `${station} has ${sent.length} events, a refold ${folded.length}, or others.`);
  }
}
