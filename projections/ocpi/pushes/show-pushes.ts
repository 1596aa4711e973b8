// What an operator sees of the pushes to a partner.
import type { ApiOptions } from "../../rest/context.ts";
import type { Partner } from "../partners.ts";
import { openAfter } from "./patience.ts";

/** @param most of each list; the counts are of all */
export async function showPushes({ store, clock }: ApiOptions, partner: Partner, most: number) {
  const { reader } = store;
  const { party, doc } = partner;
  const of = { party: party as string, partner: doc.id };
  const peer = await reader
    .selectFrom("ocpi_peer")
    .selectAll()
    .where("party", "=", of.party)
    .where("partner", "=", of.partner)
    .executeTakeFirst();
  const waiting = await reader
    .selectFrom("ocpi_push as p")
    .leftJoin("ocpi_delivery as d", (join) =>
      join
        .onRef("d.party", "=", "p.party")
        .onRef("d.partner", "=", "p.partner")
        .onRef("d.module", "=", "p.module")
        .onRef("d.object", "=", "p.object"),
    )
    .select(["p.module", "p.object", "p.due", "d.attempts"])
    .where("p.party", "=", of.party)
    .where("p.partner", "=", of.partner)
    .orderBy("p.due")
    .orderBy("p.module")
    .orderBy("p.object")
    .limit(most)
    .execute();
  const dead = await reader
    .selectFrom("ocpi_dead_letter")
    .selectAll()
    .where("party", "=", of.party)
    .where("partner", "=", of.partner)
    .orderBy("died_at", "desc")
    .limit(most)
    .execute();
  const failures = peer?.failures ?? 0;
  const waitingCount = await count(reader, "ocpi_push", of);
  const isDue = waiting.some(({ due }) => due <= clock.now());
  return {
    state: doc.paused ? "paused" : stateOf(failures, isDue),
    failures,
    problem: failures > 0 ? (peer?.problem ?? null) : null,
    nextTryAt: failures > 0 && peer ? iso(peer.resume_at) : null,
    lastDeliveredAt: peer && peer.delivered_at !== null ? iso(peer.delivered_at) : null,
    waitingCount,
    waiting: waiting.map(({ module, object, due, attempts }) => ({
      module,
      object,
      due: iso(due),
      attempts: attempts ?? 0,
    })),
    deadLetterCount: await count(reader, "ocpi_dead_letter", of),
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
  reader: ApiOptions["store"]["reader"],
  table: "ocpi_push" | "ocpi_dead_letter",
  { party, partner }: { readonly party: string; readonly partner: string },
): Promise<number> {
  const row = await reader
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
