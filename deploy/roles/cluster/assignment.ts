// Who of a role's processes has which partitions. kafkajs' groups have no static membership, so the rows of two tables
// say it: a member beats, a partition has an owner. Ownership follows the member's stable name (the pod's), so a
// process that restarts within the lease finds its partitions where it left them, and one that stays away loses only
// its own. A member that does not know yet that it lost a partition is stopped by the position row (rule F3).
import type { Clock, Timer } from "../../../core/runtime/clock.ts";
import { messageOf } from "../../../core/runtime/errors.ts";
import type { Logger } from "../../../core/runtime/logger.ts";
import type { Metrics } from "../../../core/runtime/metrics.ts";
import type { Store, StoreTransaction } from "../../../core/store/store.ts";

export interface Ownership {
  readonly partition: number;
  /** undefined: nobody's. */
  readonly owner: string | undefined;
}

export interface Moves {
  readonly release: readonly number[];
  readonly claim: readonly number[];
}

/**
 * What `me` should do now. Pure. Shares differ by one at most; nothing moves that need not.
 * @param live names of the members that beat, `me` among them.
 */
export function movesOf(me: string, live: ReadonlySet<string>, partitions: readonly Ownership[]): Moves {
  const counts = new Map<string, number>([...live].map((name) => [name, 0]));
  for (const { owner } of partitions) {
    const count = owner === undefined ? undefined : counts.get(owner);
    if (owner !== undefined && count !== undefined) counts.set(owner, count + 1);
  }
  const mine = partitions.filter(({ owner }) => owner === me).map(({ partition }) => partition);
  const free = partitions
    .filter(({ owner }) => owner === undefined || !live.has(owner))
    .map(({ partition }) => partition);
  const share = partitions.length / live.size;
  const most = Math.ceil(share);
  const least = Math.floor(share);
  if (mine.length > most) return { release: mine.slice(most), claim: [] };
  const starving = [...counts.values()].some((count) => count < least);
  if (starving && free.length === 0 && mine.length > least) return { release: mine.slice(-1), claim: [] };
  // Those whose turn it is first take the rounded-up shares: by name, so that all come to the same view.
  const larger = partitions.length - least * live.size;
  const rank = [...live].sort().indexOf(me);
  const target = rank < larger ? most : least;
  return { release: [], claim: free.slice(0, Math.max(0, target - mine.length)) };
}

export interface AssignmentOptions {
  readonly role: "processor" | "projector";
  /** Stable over restarts; unique among the role's processes. */
  readonly name: string;
  readonly partitions: number;
  readonly store: Store;
  readonly clock: Clock;
  readonly metrics: Metrics;
  readonly logger: Logger;
  /** A member that did not beat for so long, ms, is gone. */
  readonly leaseMs: number;
  readonly beatMs: number;
  /** Starts what serves the partition; must not wait for it to catch up. */
  readonly take: (partition: number) => Promise<void>;
  /** Resolves when nothing of this process works on the partition any more. */
  readonly give: (partition: number) => Promise<void>;
}

/** Beats, watches the others, takes and gives partitions. */
export class Assignment {
  private readonly options: AssignmentOptions;
  /** When each member's beat was last seen to move, by our monotonic clock: no two clocks are compared. */
  private readonly heard = new Map<string, { beat: number; at: number }>();
  private readonly held = new Set<number>();
  private beat = 0;
  private timer: Timer | undefined;
  private turn: Promise<void> = Promise.resolve();
  private stopped = false;
  /** Why partitions may be in nobody's hands; undefined: all is well. */
  problem: string | undefined = "Has no partitions yet.";

  constructor(options: AssignmentOptions) {
    this.options = options;
  }

  get partitions(): readonly number[] {
    return [...this.held].sort((a, b) => a - b);
  }

  /** Resolves after the first turn. */
  async start(): Promise<void> {
    await this.next();
  }

  /** Gives every partition but keeps its name on them: whoever restarts under it within the lease goes on. */
  async stop(): Promise<void> {
    this.stopped = true;
    this.timer?.cancel();
    await this.turn;
    await Promise.all([...this.held].map((partition) => this.options.give(partition)));
    this.held.clear();
  }

  private async next(): Promise<void> {
    this.turn = this.takeTurn().catch((error: unknown) => {
      this.problem = `The assignment of partitions cannot be read: ${messageOf(error)}`;
      this.options.logger.warn({ err: error }, "the assignment of partitions cannot be read; what is held goes on");
    });
    await this.turn;
    if (!this.stopped) this.timer = this.options.clock.after(this.options.beatMs, () => void this.next());
  }

  /** Whether the partition stands under this process's name now; another that was slow may still work on it. */
  async owns(partition: number): Promise<boolean> {
    const { role, name, store } = this.options;
    return (await ownerOf(store.reader, role, partition)) === name;
  }

  private async takeTurn(): Promise<void> {
    const { role, name, store, logger, metrics } = this.options;
    const moves = await store.transaction((tx) => this.moveRows(tx));
    metrics.partitionsWithoutOwner.set({ role }, moves.withoutOwner);
    for (const partition of moves.lost) {
      this.held.delete(partition);
      this.count("lost");
      logger.warn({ partition }, "another process has this partition now");
      await this.options.give(partition);
    }
    for (const partition of moves.release) {
      await this.options.give(partition);
      this.held.delete(partition);
      await store.transaction((tx) => this.setOwner(tx, partition, name, ""));
      this.count("given");
      logger.info({ partition }, "partition given to others");
    }
    for (const partition of moves.mine) {
      if (this.held.has(partition) || moves.release.includes(partition)) continue;
      this.held.add(partition);
      await this.options.take(partition);
      this.count("taken");
      logger.info({ partition }, "partition taken");
    }
    metrics.partitionsOwned.set({ role }, this.held.size);
    this.problem = undefined;
  }

  private count(move: "taken" | "given" | "lost"): void {
    const { role, metrics } = this.options;
    metrics.partitionMoves.inc({ role, move });
  }

  private async moveRows(tx: StoreTransaction) {
    const { role, name, partitions } = this.options;
    this.beat += 1;
    await tx.upsert("member", [{ role, name, beat: this.beat }]);
    const members = await tx.db.selectFrom("member").selectAll().where("role", "=", role).execute();
    const rows = await tx.db.selectFrom("assignment").selectAll().where("role", "=", role).execute();
    const owners = new Map(rows.map((row) => [row.partition, row.owner]));
    const owned = Array.from({ length: partitions }, (_, partition) => ({
      partition,
      owner: owners.get(partition) || undefined,
    }));
    const live = this.liveOf(members);
    const moves = movesOf(name, live, owned);
    const claimed: number[] = [];
    for (const partition of moves.claim) {
      const before = owners.get(partition);
      if (before === undefined) {
        await tx.insertNew("assignment", [{ role, partition, owner: name }]);
        if ((await ownerOf(tx.db, role, partition)) === name) claimed.push(partition);
      } else if (await this.setOwner(tx, partition, before, name)) claimed.push(partition);
    }
    const kept = owned.filter(({ owner }) => owner === name).map(({ partition }) => partition);
    const mine = [...kept, ...claimed];
    return {
      mine,
      release: moves.release,
      lost: [...this.held].filter((partition) => !mine.includes(partition)),
      withoutOwner: owned.filter(({ owner }) => !owner || !live.has(owner)).length - claimed.length,
    };
  }

  private async setOwner(tx: StoreTransaction, partition: number, from: string, to: string): Promise<boolean> {
    const done = await tx.db
      .updateTable("assignment")
      .set({ owner: to })
      .where("role", "=", this.options.role)
      .where("partition", "=", partition)
      .where("owner", "=", from)
      .executeTakeFirst();
    return Number(done.numUpdatedRows) === 1;
  }

  /** A name seen for the first time counts as live for one lease: it may just be slow. */
  private liveOf(members: readonly { readonly name: string; readonly beat: number }[]): Set<string> {
    const { clock, leaseMs, name } = this.options;
    const now = clock.monotonic();
    const live = new Set([name]);
    for (const member of members) {
      const known = this.heard.get(member.name);
      if (!known || known.beat !== member.beat) this.heard.set(member.name, { beat: member.beat, at: now });
      if (now - this.heard.get(member.name)!.at < leaseMs) live.add(member.name);
    }
    return live;
  }
}

async function ownerOf(db: Store["reader"], role: string, partition: number): Promise<string | undefined> {
  const row = await db
    .selectFrom("assignment")
    .select("owner")
    .where("role", "=", role)
    .where("partition", "=", partition)
    .executeTakeFirst();
  return row?.owner;
}
