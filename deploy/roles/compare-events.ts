// The events that a refold concludes against those in the log: byte for byte in their order, so that each station's
// chain (sequence and running hash, rule F5) ends at the same link.
import type { Kysely } from "kysely";

import { firstOffsetOf } from "../../core/log/generations.ts";
import type { EventLog } from "../../core/log/log.ts";
import { withoutSubjects } from "../../core/privacy/sealed-events.ts";
import { unpackBundle } from "../../core/records/bundle.ts";
import { decodeEvent } from "../../core/records/domain-event.ts";
import type { Schema } from "../../core/store/tables.ts";

export interface ChainComparison {
  /** Stations whose chain was followed to its end. */
  readonly checked: number;
  readonly events: number;
  readonly problems: readonly string[];
}

export interface EventSides {
  readonly log: EventLog;
  /** Refolded with its outbox kept. */
  readonly scratch: Kysely<Schema>;
  /** Exclusive offset of `ocpp.frames` by partition up to which both sides have folded. */
  readonly upTo: ReadonlyMap<number, number>;
  /** Live events that wait for the relay, by partition. */
  readonly outbox: ReadonlyMap<number, number>;
}

const pageRows = 20;

export async function compareEvents({ log, scratch, upTo, outbox }: EventSides): Promise<ChainComparison> {
  const problems: string[] = [];
  const chains = new Set<string>();
  let events = 0;
  for (const [partition, end] of upTo) {
    const name = `${log.topics.events.name}/${partition}`;
    const rebuilt = outboxOf(scratch, partition);
    let broken = false;
    for await (const live of eventsOf(log, partition, end)) {
      const next = await rebuilt.next();
      const same = !next.done && areSame(next.value, live);
      if (!same) {
        const found = next.done ? "nothing" : `event ${describe(next.value)}`;
        problems.push(`${name}: where the log holds event ${live.name}, a rebuild concludes ${found}.`);
        broken = true;
        break;
      }
      chains.add(live.station);
      events++;
    }
    if (broken) continue;
    let left = 0;
    while (!(await rebuilt.next()).done) left++;
    const waiting = outbox.get(partition) ?? 0;
    if (left > waiting)
      problems.push(`${name}: a rebuild concludes ${left} events more than the log holds; ${waiting} wait to be sent.`);
  }
  return { checked: chains.size, events, problems };
}

interface LiveEvent {
  readonly bytes: Uint8Array;
  readonly isSealed: boolean;
  readonly station: string;
  readonly name: string;
}

/** Repeats of the relay dropped; only events that frames before `upTo` caused. */
async function* eventsOf(log: EventLog, partition: number, upTo: number): AsyncGenerator<LiveEvent> {
  const topic = log.topics.events;
  const last = new Map<string, number>();
  for await (const { records } of log.read(
    topic,
    partition,
    firstOffsetOf(topic),
    await log.endOffset(topic, partition),
  )) {
    for (const { value } of records) {
      const event = decodeEvent(value);
      const station = `${event.party}/${event.station}`;
      if (event.sequence <= (last.get(station) ?? 0) || offsetOf(event.cause) >= upTo) continue;
      last.set(station, event.sequence);
      yield { bytes: value, isSealed: event.keyId !== null, station, name: describe(value) };
    }
  }
}

/** Who charged is sealed on the way into the log, and in frames it is not: all else is compared. */
function areSame(rebuilt: Uint8Array, live: LiveEvent): boolean {
  if (!live.isSealed) return Buffer.compare(rebuilt, live.bytes) === 0;
  return Buffer.compare(withoutSubjects(rebuilt), withoutSubjects(live.bytes)) === 0;
}

/** `generation:partition:offset/index` */
function offsetOf(cause: string): number {
  return Number(cause.split(":")[2]?.split("/")[0]);
}

function describe(bytes: Uint8Array): string {
  const { station, sequence, hash, body } = decodeEvent(bytes);
  return `${sequence} of ${station} (${body.kind}, chain ${hash})`;
}

async function* outboxOf(db: Kysely<Schema>, partition: number): AsyncGenerator<Uint8Array> {
  let after = -1;
  for (;;) {
    const page = await db
      .selectFrom("outbox")
      .select(["sequence", "events"])
      .where("partition", "=", partition)
      .where("sequence", ">", after)
      .orderBy("sequence")
      .limit(pageRows)
      .execute();
    for (const row of page) for (const { value } of unpackBundle(row.events)) yield value;
    if (page.length < pageRows) return;
    after = page.at(-1)!.sequence;
  }
}
