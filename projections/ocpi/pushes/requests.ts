// What an operator asks for: all again (resync), or what nobody tries any more (retry). It stands in the registry, because the
// api writes nothing else; whoever sends to the partner sees an id that it has not carried out yet.
import { limits } from "../../../core/config/limits.ts";
import type { OcpiPeerRow } from "../../../core/store/tables.ts";
import type { Partner } from "../partners.ts";
import { tokenKey, type TokenDoc } from "../../../core/registry/entities.ts";
import { docAtTime } from "../places.ts";
import { markChange, type Mark } from "./marks.ts";
import type { PushNeeds } from "./needs.ts";
import type { Outbox } from "./outbox.ts";
import { receiverOf } from "./peers.ts";

/** @returns the row after what it asks for is in the queue. */
export async function carryOut(
  needs: PushNeeds,
  outbox: Outbox,
  partner: Partner,
  before: OcpiPeerRow | undefined,
): Promise<OcpiPeerRow> {
  const { party, doc } = partner;
  const asked = { resync: doc.pushes?.resync ?? null, retry: doc.pushes?.retry ?? null };
  if (!before) return begin(needs, outbox, partner, asked);
  const isRetry = asked.retry !== before.retry && asked.retry !== null;
  const isResync = asked.resync !== before.resync && asked.resync !== null;
  if (!isRetry && !isResync) return before;
  const now = needs.clock.now();
  const row = { ...before, ...asked, failures: 0, resume_at: 0 };
  const marks = isResync ? await everything(needs, partner, now - limits.ocpiResyncMs) : [];
  await needs.store.transaction(async (tx) => {
    await outbox.revive(tx, { party, partner: doc.id }, now);
    const change = await markChange(tx.db, marks);
    if (change.act === "upsert" && change.table === "ocpi_push") await tx.upsert(change.table, change.rows);
    await tx.upsert("ocpi_peer", [row]);
  });
  return row;
}

/** Seen for the first time: what was issued between its registration and this moment is not lost. */
async function begin(
  needs: PushNeeds,
  outbox: Outbox,
  partner: Partner,
  asked: { readonly resync: string | null; readonly retry: string | null },
): Promise<OcpiPeerRow> {
  const { party, doc } = partner;
  const registeredAt = needs.registry.versions(party, "partner", doc.id).at(-1)?.logTime ?? 0;
  const since = Math.max(registeredAt, needs.clock.now() - limits.ocpiFirstLookMs);
  const marks = await cdrsOf(needs, partner, since);
  const row: OcpiPeerRow = {
    party,
    partner: doc.id,
    failures: 0,
    resume_at: 0,
    problem: null,
    delivered_at: null,
    ...asked,
  };
  await needs.store.write({
    changes: [await markChange(needs.store.reader, marks), { act: "upsert", table: "ocpi_peer", rows: [row] }],
  });
  return (await outbox.peer({ party, partner: doc.id })) ?? row;
}

async function everything(needs: PushNeeds, partner: Partner, since: number): Promise<readonly Mark[]> {
  const { registry, clock } = needs;
  const { party, doc } = partner;
  const due = clock.now();
  const of = (kind: "locations" | "tariffs", ids: Iterable<string>): Mark[] =>
    receiverOf(doc, kind) === undefined
      ? []
      : [...ids].map((object) => ({ party, partner: doc.id, kind, object, due }));
  return [
    ...of("tariffs", registry.ids(party, "tariff")),
    ...of("locations", registry.ids(party, "location")),
    ...(await activeSessionsOf(needs, partner)),
    ...(await cdrsOf(needs, partner, since)),
    ...(await takenCdrsOf(needs, partner, since)),
  ];
}

async function activeSessionsOf(needs: PushNeeds, partner: Partner): Promise<readonly Mark[]> {
  const { party, doc } = partner;
  if (receiverOf(doc, "sessions") === undefined) return [];
  const rows = await needs.store.reader
    .selectFrom("live_session")
    .select(["id", "id_token", "started_at", "last_updated"])
    .where("party", "=", party)
    .where("status", "=", "active")
    .where("id_token", "is not", null)
    .execute();
  const due = needs.clock.now();
  return rows
    .filter((row) => isTokenOf(needs, partner, row.id_token, Math.min(row.started_at, row.last_updated)))
    .map(({ id }) => ({ party, partner: doc.id, kind: "sessions", object: id, due }));
}

/** Those of which it said where it keeps them: it is asked whether it still does. */
async function takenCdrsOf(
  { store, clock }: PushNeeds,
  { party, doc }: Partner,
  since: number,
): Promise<readonly Mark[]> {
  const due = clock.now();
  const rows = await store.reader
    .selectFrom("ocpi_delivery")
    .select("object")
    .where("party", "=", party)
    .where("partner", "=", doc.id)
    .where("module", "=", "cdrs")
    .where("delivered_at", ">=", since)
    .where("proof", "is not", null)
    .execute();
  return rows.map(({ object }) => ({ party, partner: doc.id, kind: "cdrs", object, due }));
}

/** Those without a proof of delivery. */
async function cdrsOf(needs: PushNeeds, partner: Partner, since: number): Promise<readonly Mark[]> {
  const { party, doc } = partner;
  if (receiverOf(doc, "cdrs") === undefined) return [];
  const proven = needs.store.reader
    .selectFrom("ocpi_delivery")
    .select("object")
    .where("party", "=", party)
    .where("partner", "=", doc.id)
    .where("module", "=", "cdrs")
    .where("delivered_at", "is not", null);
  const rows = needs.store.reader
    .selectFrom("live_cdr")
    .innerJoin("live_session", "live_session.id", "live_cdr.session_id")
    .select(["live_cdr.id", "live_cdr.last_updated", "live_session.id_token", "live_session.started_at"])
    .where("live_cdr.party", "=", party)
    .where("live_cdr.last_updated", ">=", since)
    .where("live_cdr.id", "not in", proven);
  const marks: Mark[] = [];
  for (const row of await rows.execute()) {
    if (!isTokenOf(needs, partner, row.id_token, Math.min(row.started_at, row.last_updated))) continue;
    marks.push({ party, partner: doc.id, kind: "cdrs", object: row.id, due: row.last_updated });
  }
  return marks;
}

function isTokenOf({ registry }: PushNeeds, { party, doc }: Partner, idToken: string | null, at: number): boolean {
  if (idToken === null) return false;
  const token = docAtTime(registry, party, "token", tokenKey(idToken), at) as TokenDoc | undefined;
  return token?.roaming?.partner === doc.id;
}
