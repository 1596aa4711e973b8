// What an operator sees of the pushes to a partner.
import type { ApiOptions } from "../../rest/context.ts";
import type { Partner } from "../partners.ts";
import { waitingFor, type PeerKey } from "./outbox.ts";
import { openAfter } from "./patience.ts";

/** All of one moment. @param most of each list; the counts are of all */
export function showPushes({ store, clock }: ApiOptions, partner: Partner, most: number) {
  return store.snapshot((db) => show(db, clock.now(), partner, most));
}

type Reader = ApiOptions["store"]["reader"];

async function show(db: Reader, now: number, { party, doc }: Partner, most: number) {
  const of = { party: party as string, partner: doc.id };
  const peer = await db
    .selectFrom("ocpi_peer")
    .selectAll()
    .where("party", "=", of.party)
    .where("partner", "=", of.partner)
    .executeTakeFirst();
  const waiting = await waitingFor(db, of, most).select(["p.module", "p.object", "p.due", "d.attempts"]).execute();
  const dead = await db
    .selectFrom("ocpi_dead_letter")
    .selectAll()
    .where("party", "=", of.party)
    .where("partner", "=", of.partner)
    .orderBy("died_at", "desc")
    .limit(most)
    .execute();
  const failures = peer?.failures ?? 0;
  const isDue = waiting.some(({ due }) => due <= now);
  return {
    state: doc.paused ? "paused" : stateOf(failures, isDue),
    failures,
    problem: failures > 0 ? (peer?.problem ?? null) : null,
    nextTryAt: failures > 0 && peer ? iso(peer.resume_at) : null,
    lastDeliveredAt: peer && peer.delivered_at !== null ? iso(peer.delivered_at) : null,
    waitingCount: await count(db, "ocpi_push", of),
    waiting: waiting.map((row) => ({ ...row, due: iso(row.due), attempts: row.attempts ?? 0 })),
    deadLetterCount: await count(db, "ocpi_dead_letter", of),
    deadLetters: dead.map(({ module, object, due, attempts, problem, died_at: died }) => ({
      module,
      object,
      due: iso(due),
      attempts,
      problem,
      diedAt: iso(died),
    })),
  };
}

function stateOf(failures: number, isDue: boolean): "idle" | "sending" | "retrying" | "away" {
  if (failures > 0) return failures >= openAfter ? "away" : "retrying";
  return isDue ? "sending" : "idle";
}

async function count(
  db: Reader,
  table: "ocpi_push" | "ocpi_dead_letter",
  { party, partner }: PeerKey,
): Promise<number> {
  const row = await db
    .selectFrom(table)
    .select((eb) => eb.fn.countAll<number | string>().as("all"))
    .where("party", "=", party)
    .where("partner", "=", partner)
    .executeTakeFirst();
  return Number(row?.all ?? 0);
}

function iso(ms: number): string {
  return new Date(ms).toISOString();
}
