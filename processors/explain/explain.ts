// A session explained by the fold and the tariff engine themselves: they run again over its records and tell their reasons, and
// what they arrive at is held against what is recorded.
import type { EventLog } from "../../core/log/log.ts";
import type { PartyId, Position } from "../../core/ids/ids.ts";
import { comparePositions } from "../../core/ids/ids.ts";
import type { Explainer, Explanation } from "../../core/ports/explanation.ts";
import type { RegistryView } from "../../core/registry/view.ts";
import type { Store } from "../../core/store/store.ts";
import type { CdrRow, SessionRow } from "../../core/store/tables.ts";
import type { KnownHold } from "../engine/partition-fold.ts";
import { erased } from "../../core/privacy/sealed-text.ts";
import { differencesOf, outcomeOf, withoutSubject } from "./outcome.ts";
import { findAll, findRecords, type Found } from "./find.ts";
import { replay } from "./replay.ts";
import { shownExplanation, type Attempt } from "./shown.ts";

export interface ExplainerOptions {
  readonly log: EventLog;
  readonly store: Pick<Store, "reader">;
  /** Started. */
  readonly registry: RegistryView;
}

interface Recorded {
  readonly session: SessionRow;
  readonly cdrs: readonly CdrRow[];
}

export function createExplainer(options: ExplainerOptions): Explainer {
  return { explain: (party, sessionId) => explainSession(options, party, sessionId) };
}

async function explainSession(
  options: ExplainerOptions,
  party: PartyId,
  sessionId: string,
): Promise<Explanation | undefined> {
  const recorded = await recordedOf(options, party, sessionId);
  if (!recorded) return undefined;
  const { session } = recorded;
  const found = await findRecords(options, session);
  if (!found) return undefined;
  const holds = await holdsOf(options, session);
  let attempt = await attemptOf(options, recorded, found, holds);
  if (attempt.differences.length > 0) {
    // Something from before has a part in it, such as an earlier transaction of the same id.
    const all = await findAll(options, session, found);
    if (all.items.length > found.items.length) attempt = await attemptOf(options, recorded, all, holds);
  }
  return shownExplanation(session, attempt);
}

async function attemptOf(
  { registry }: ExplainerOptions,
  recorded: Recorded,
  found: Found,
  holds: ReadonlyMap<number, KnownHold>,
): Promise<Attempt> {
  const { session, cdrs } = recorded;
  const needed = highestRegistry(found);
  if (comparePositions(registry.position, needed) < 0) await registry.reached(needed);
  const { name, generation } = found.topic;
  const scope = { tableSet: session.table_set, generation, partition: found.partition };
  const replayed = replay({ items: found.items, scope, topic: name, registry, known: holds, sessionId: session.id });
  const given = outcomeOf(replayed, session.id);
  const outcome = session.id_token === erased ? given && withoutSubject(given) : given;
  return { found, replayed, outcome, differences: differencesOf(outcome, session, cdrs) };
}

async function recordedOf(
  { store }: ExplainerOptions,
  party: PartyId,
  sessionId: string,
): Promise<Recorded | undefined> {
  const session = await store.reader
    .selectFrom("live_session")
    .selectAll()
    .where("party", "=", party)
    .where("id", "=", sessionId)
    .executeTakeFirst();
  if (!session) return undefined;
  const cdrs = await store.reader
    .selectFrom("live_cdr")
    .selectAll()
    .where("party", "=", party)
    .where("session_id", "=", sessionId)
    .execute();
  return { session, cdrs };
}

async function holdsOf({ store }: ExplainerOptions, { party, station }: SessionRow) {
  const rows = await store.reader
    .selectFrom("live_quarantine")
    .select(["record_offset", "until_offset", "stage", "transaction_key", "reason"])
    .where("party", "=", party)
    .where("station", "=", station)
    // What the gateway held is held in the log already.
    .where("stage", "!=", "gateway")
    .execute();
  return new Map(rows.map((row) => [row.record_offset, row]));
}

function highestRegistry({ items }: Found): Position {
  let highest: Position = { generation: 0, offset: 0 };
  for (const { record } of items)
    if (record && comparePositions(record.registry, highest) > 0) highest = record.registry;
  return highest;
}
