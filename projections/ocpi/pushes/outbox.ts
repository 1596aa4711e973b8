// The rows of pushes: what waits, what of it was tried, what was taken, what nobody tries any more. Each step is committed
// before the next, so that a process that dies between them repeats one at most, with the same bytes.
import type { Store, StoreTransaction } from "../../../core/store/store.ts";
import type { OcpiDeliveryRow, OcpiPeerRow } from "../../../core/store/tables.ts";
import type { ObjectKind, PushKind } from "./marks.ts";

export interface PeerKey {
  readonly party: string;
  readonly partner: string;
}

/** One object that waits for a partner, and what was tried with it. */
export interface Waiting<Kind extends PushKind = PushKind> extends PeerKey {
  readonly kind: Kind;
  readonly object: string;
  readonly due: number;
  readonly changed: number;
  /** Since the last one that was taken. */
  readonly attempts: number;
  /** Of a CDR, from the first try on: JSON. */
  readonly body: string | null;
  readonly told: string | null;
  /** Of a CDR that was taken: its Location at the partner's. */
  readonly proof: string | null;
  readonly deliveredAt: number | null;
}

/** One type a kind, for what is done goes by it. */
type WaitingOf<Kind extends PushKind> = Kind extends PushKind ? Waiting<Kind> : never;
type WaitingIn<Lane> = Lane extends "results" ? Waiting<"results"> : WaitingOf<ObjectKind>;

/** An EVSE whose status is known already. */
export interface MarkedStatus extends Waiting<"evses"> {
  /** JSON: what a PATCH of it has. */
  readonly status: string;
}

/** What waits for a partner, with what is known of it, in the order in which it goes. */
export function waitingFor(db: Store["reader"], { party, partner }: PeerKey, most: number) {
  return db
    .selectFrom("ocpi_push as p")
    .leftJoin("ocpi_delivery as d", (join) =>
      join
        .onRef("d.party", "=", "p.party")
        .onRef("d.partner", "=", "p.partner")
        .onRef("d.module", "=", "p.module")
        .onRef("d.object", "=", "p.object"),
    )
    .where("p.party", "=", party)
    .where("p.partner", "=", partner)
    .orderBy("p.due")
    .orderBy("p.module")
    .orderBy("p.object")
    .limit(most);
}

export class Outbox {
  private readonly store: Store;

  constructor(store: Store) {
    this.store = store;
  }

  /** The first ones that may go now: of objects, which keep their order, or of results of commands, which wait for nothing. */
  async first<Lane extends "objects" | "results">(
    { party, partner }: PeerKey,
    lane: Lane,
    now: number,
    most: number,
  ): Promise<readonly WaitingIn<Lane>[]> {
    const rows = await waitingFor(this.store.reader, { party, partner }, most)
      .select([
        "p.module",
        "p.object",
        "p.due",
        "p.changed",
        "d.attempts",
        "d.body",
        "d.told",
        "d.proof",
        "d.delivered_at",
      ])
      .where("p.due", "<=", now)
      .where("p.module", lane === "results" ? "=" : "!=", "results")
      .execute();
    const waiting = rows.map(
      ({ module, object, due, changed, attempts, body, told, proof, delivered_at: deliveredAt }) => ({
        party,
        partner,
        kind: module as PushKind,
        object,
        due,
        changed,
        attempts: attempts ?? 0,
        body,
        told,
        proof,
        deliveredAt,
      }),
    );
    return waiting as WaitingIn<Lane>[];
  }

  /** Before it is sent: the try counts, and the bytes stay. */
  begin(waiting: Waiting, body: string | null): Promise<void> {
    const row = { ...deliveryOf(waiting), attempts: waiting.attempts + 1, body };
    return this.store.write({ changes: [{ act: "upsert", table: "ocpi_delivery", rows: [row] }] });
  }

  /** @param delivery what is kept of it; undefined: nothing */
  delivered(waiting: Waiting, delivery: Pick<OcpiDeliveryRow, "told" | "proof" | "delivered_at"> | undefined) {
    return this.store.transaction(async (tx) => {
      await removeMark(tx, waiting);
      await tx.remove("ocpi_dead_letter", [keyOf(waiting)]);
      if (!delivery) return tx.remove("ocpi_delivery", [keyOf(waiting)]);
      return tx.upsert("ocpi_delivery", [{ ...deliveryOf(waiting), attempts: 0, body: null, ...delivery }]);
    });
  }

  /** Statuses that go as they were marked: no one that was tried before, and none of which only the registry told. */
  async statuses({ party, partner }: PeerKey, now: number, most: number): Promise<readonly MarkedStatus[]> {
    const rows = await waitingFor(this.store.reader, { party, partner }, most)
      .select(["p.module", "p.object", "p.due", "p.changed", "p.body", "d.attempts"])
      .where("p.due", "<=", now)
      .execute();
    const other = rows.findIndex(
      ({ module, body, attempts }) => module !== "evses" || body === null || attempts !== null,
    );
    return rows.slice(0, other < 0 ? rows.length : other).map(({ object, due, changed, body }) => {
      const untried = { attempts: 0, told: null, proof: null, deliveredAt: null, body: null };
      return { party, partner, kind: "evses", object, due, changed, ...untried, status: body! };
    });
  }

  /** Those that were not marked again meanwhile are done. */
  told(statuses: readonly MarkedStatus[]): Promise<void> {
    return this.store.transaction(async (tx) => {
      for (const [changed, same] of Map.groupBy(statuses, (status) => status.changed)) {
        const { party, partner } = same[0]!;
        await tx.db
          .deleteFrom("ocpi_push")
          .where("party", "=", party)
          .where("partner", "=", partner)
          .where("module", "=", "evses")
          .where("changed", "=", changed)
          .where(
            "object",
            "in",
            same.map(({ object }) => object),
          )
          .execute();
      }
      await tx.remove("ocpi_dead_letter", statuses.map(keyOf));
    });
  }

  /** There is nothing to tell. */
  drop(waiting: Waiting): Promise<void> {
    return this.store.transaction((tx) => removeMark(tx, waiting));
  }

  /** What is known of it before it is sent. */
  note(waiting: Waiting, told: string): Promise<void> {
    const row = { ...deliveryOf(waiting), told };
    return this.store.write({ changes: [{ act: "upsert", table: "ocpi_delivery", rows: [row] }] });
  }

  /** It waits until then; what became of it meanwhile counts. @param due epoch ms */
  postpone({ party, partner, kind, object, changed }: Waiting, due: number): Promise<void> {
    return this.store.transaction(async (tx) => {
      await tx.db
        .updateTable("ocpi_push")
        .set({ due })
        .where("party", "=", party)
        .where("partner", "=", partner)
        .where("module", "=", kind)
        .where("object", "=", object)
        .where("changed", "=", changed)
        .execute();
    });
  }

  /** Until an operator says otherwise, or something newer of the same object was taken. Bytes of a CDR stay. */
  bury(waiting: Waiting, problem: string, now: number): Promise<void> {
    const { attempts, due } = waiting;
    return this.store.transaction(async (tx) => {
      await removeMark(tx, waiting);
      await tx.upsert("ocpi_dead_letter", [{ ...keyOf(waiting), due, attempts, problem, died_at: now }]);
    });
  }

  peer({ party, partner }: PeerKey): Promise<OcpiPeerRow | undefined> {
    return this.store.reader
      .selectFrom("ocpi_peer")
      .selectAll()
      .where("party", "=", party)
      .where("partner", "=", partner)
      .executeTakeFirst();
  }

  keepPeer(row: OcpiPeerRow): Promise<void> {
    return this.store.write({ changes: [{ act: "upsert", table: "ocpi_peer", rows: [row] }] });
  }

  /** When the one that waits longest became due. */
  async oldest({ party, partner }: PeerKey): Promise<number | undefined> {
    const row = await this.store.reader
      .selectFrom("ocpi_push")
      .select("due")
      .where("party", "=", party)
      .where("partner", "=", partner)
      .orderBy("due")
      .limit(1)
      .executeTakeFirst();
    return row?.due;
  }

  /** Whom anything is kept for. */
  peers(): Promise<readonly PeerKey[]> {
    return this.store.reader.selectFrom("ocpi_peer").select(["party", "partner"]).execute();
  }

  /** Of a partner that is gone: what was proven stays. */
  forget({ party, partner }: PeerKey): Promise<void> {
    return this.store.transaction(async (tx) => {
      for (const table of ["ocpi_push", "ocpi_dead_letter", "ocpi_peer"] as const) {
        await tx.db.deleteFrom(table).where("party", "=", party).where("partner", "=", partner).execute();
      }
      await tx.db
        .deleteFrom("ocpi_delivery")
        .where("party", "=", party)
        .where("partner", "=", partner)
        .where("delivered_at", "is", null)
        .execute();
    });
  }

  /** Every dead letter waits again. */
  revive(tx: StoreTransaction, { party, partner }: PeerKey, now: number): Promise<void> {
    return reviveIn(tx, party, partner, now);
  }
}

async function reviveIn(tx: StoreTransaction, party: string, partner: string, now: number): Promise<void> {
  const dead = await tx.db
    .selectFrom("ocpi_dead_letter")
    .select(["party", "partner", "module", "object"])
    .where("party", "=", party)
    .where("partner", "=", partner)
    .execute();
  // One of the same object that waits goes with what is true then anyway.
  await tx.insertNew(
    "ocpi_push",
    dead.map((row) => ({ ...row, due: now, changed: 1, body: null })),
  );
  await tx.db.deleteFrom("ocpi_dead_letter").where("party", "=", party).where("partner", "=", partner).execute();
}

function keyOf({ party, partner, kind: module, object }: Pick<Waiting, keyof PeerKey | "kind" | "object">) {
  return { party, partner, module, object };
}

function deliveryOf(waiting: Waiting): OcpiDeliveryRow {
  const { attempts, body, told, proof, deliveredAt } = waiting;
  return { ...keyOf(waiting), attempts, body, told, proof, delivered_at: deliveredAt };
}

/** Unless it was marked again meanwhile. */
async function removeMark(tx: StoreTransaction, { party, partner, kind, object, changed }: Waiting): Promise<void> {
  await tx.db
    .deleteFrom("ocpi_push")
    .where("party", "=", party)
    .where("partner", "=", partner)
    .where("module", "=", kind)
    .where("object", "=", object)
    .where("changed", "=", changed)
    .execute();
}
