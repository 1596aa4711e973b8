// One process a name. Partitions follow the stable name of a process (assignment.ts), so two that live under one would
// both fold the same ones: no row would be wrong (rule F3), but neither would get on. The second is refused. What a
// process that was killed left behind does not move, and is taken over after a short look.
import { randomUUID } from "node:crypto";

import { limits } from "../../../core/config/limits.ts";
import type { Clock, Timer } from "../../../core/runtime/clock.ts";
import { isWattlogError, messageOf, WattlogError } from "../../../core/runtime/errors.ts";
import type { Store } from "../../../core/store/store.ts";
import type { NameHoldRow } from "../../../core/store/tables.ts";

export interface NameHoldOptions {
  readonly store: Store;
  readonly role: string;
  readonly name: string;
  readonly clock: Clock;
  /** Another process has taken the name: this one was silent for too long. */
  readonly onLost: (why: string) => void;
}

export class NameHold {
  private readonly options: NameHoldOptions;
  private readonly holder = randomUUID();
  private timer: Timer | undefined;
  private beating: Promise<void> = Promise.resolve();
  private stopped = false;

  constructor(options: NameHoldOptions) {
    this.options = options;
  }

  /** @throws WattlogError `config/invalid` where another process lives under the name */
  async take(): Promise<void> {
    await this.claim();
    this.schedule();
  }

  async give(): Promise<void> {
    this.stopped = true;
    this.timer?.cancel();
    await this.beating;
    await this.change({ holder: "", beat: 0 }, { holder: this.holder });
  }

  private async claim(): Promise<void> {
    const { clock, role, name } = this.options;
    let seen = await this.row();
    let until = clock.monotonic() + (isHeld(seen) ? limits.nameWatchMs : 0);
    for (;;) {
      if (clock.monotonic() >= until && (await this.replace(seen))) return;
      await new Promise<void>((resolve) => void clock.after(limits.nameBeatMs / 2, resolve));
      const row = await this.row();
      if (row?.holder === seen?.holder && row?.beat === seen?.beat) continue;
      if (isHeld(row)) {
        throw new WattlogError(
          "config/invalid",
          `Another ${role} runs under the name ${name}: give each process a WATTLOG_NODE_NAME of its own, or stop the other.`,
        );
      }
      [seen, until] = [row, 0];
    }
  }

  /** Of several that come at once one succeeds. */
  private async replace(seen: NameHoldRow | undefined): Promise<boolean> {
    const { store, role, name } = this.options;
    const { holder } = this;
    if (seen) return this.change({ holder, beat: 0 }, { holder: seen.holder, beat: seen.beat });
    await store.transaction((tx) => tx.insertNew("name_hold", [{ role, name, holder, beat: 0 }]));
    return (await this.row())?.holder === holder;
  }

  private schedule(): void {
    if (this.stopped) return;
    this.timer = this.options.clock.after(limits.nameBeatMs, () => {
      this.beating = this.renew().then(() => this.schedule());
    });
  }

  private async renew(): Promise<void> {
    const { onLost } = this.options;
    try {
      const row = await this.row();
      const mine = { holder: this.holder };
      if (await this.change({ ...mine, beat: (row?.beat ?? 0) + 1 }, mine)) return;
      // Taken by another while this process stood still, or a store that was put back to an earlier state.
      await this.claim();
    } catch (error) {
      if (isWattlogError(error, "config/invalid")) onLost(messageOf(error));
      // A store that is away is told by whoever needs it; nobody else can take the name meanwhile.
    }
  }

  private async change(to: Pick<NameHoldRow, "holder" | "beat">, from: Partial<NameHoldRow>): Promise<boolean> {
    const { store, role, name } = this.options;
    const changed = await store.transaction(({ db }) => {
      let query = db.updateTable("name_hold").set(to).where("role", "=", role).where("name", "=", name);
      if (from.holder !== undefined) query = query.where("holder", "=", from.holder);
      if (from.beat !== undefined) query = query.where("beat", "=", from.beat);
      return query.executeTakeFirst();
    });
    return Number(changed.numUpdatedRows) === 1;
  }

  private row(): Promise<NameHoldRow | undefined> {
    const { store, role, name } = this.options;
    return store.reader
      .selectFrom("name_hold")
      .selectAll()
      .where("role", "=", role)
      .where("name", "=", name)
      .executeTakeFirst();
  }
}

function isHeld(row: NameHoldRow | undefined): boolean {
  return row !== undefined && row.holder !== "";
}
