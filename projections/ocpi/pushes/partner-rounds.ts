// Work for every partner whose home partition is ours, each by itself: one that hangs costs the others nothing.
import { Rounds } from "../../../core/runtime/rounds.ts";
import type { Partner } from "../partners.ts";
import type { PushNeeds } from "./needs.ts";
import { homePartition, pushPeers } from "./peers.ts";

/** Of one partner's work that is under way. */
export interface Turn {
  /** Whether it is to end as soon as it can: the partner is another process's now, was changed, or wattlog stops. */
  readonly isStopped: () => boolean;
  /** Whether the partner's partition is still this process's: whoever was slow may have lost it. */
  readonly owns: () => Promise<boolean>;
}

export class PartnerRounds {
  private readonly needs: Pick<PushNeeds, "registry" | "log" | "clock">;
  private readonly work: (partner: Partner, turn: Turn) => Promise<void>;
  private readonly owned = new Map<number, (() => Promise<boolean>) | undefined>();
  /** By party and partner. */
  private readonly running = new Map<string, { readonly partition: number; readonly done: Promise<void> }>();
  private readonly looking: Rounds;

  /** @param work tells of its failures itself: it never rejects; not for partners that are paused */
  constructor(
    needs: Pick<PushNeeds, "registry" | "log" | "clock">,
    everyMs: number,
    work: (partner: Partner, turn: Turn) => Promise<void>,
  ) {
    this.needs = needs;
    this.work = work;
    this.looking = new Rounds(needs.clock, everyMs, () => this.look());
  }

  start(): void {
    this.looking.start();
  }

  take(partition: number, owns: (() => Promise<boolean>) | undefined): void {
    this.owned.set(partition, owns);
  }

  /** Resolves when nothing is done any more for the partners of this partition. */
  async give(partition: number): Promise<void> {
    this.owned.delete(partition);
    const own = [...this.running.values()].filter((run) => run.partition === partition);
    await Promise.all(own.map(({ done }) => done));
  }

  async stop(): Promise<void> {
    const partitions = [...this.owned.keys()];
    await this.looking.stop();
    await Promise.all(partitions.map((partition) => this.give(partition)));
  }

  has(partition: number): boolean {
    return this.owned.has(partition);
  }

  *mine(): Generator<Partner> {
    for (const partner of pushPeers(this.needs.registry)) if (this.owned.has(this.homeOf(partner))) yield partner;
  }

  private look(): Promise<void> {
    const { registry } = this.needs;
    for (const partner of this.mine()) {
      const { party, doc, version } = partner;
      const key = `${party}/${doc.id}`;
      if (doc.paused || this.running.has(key)) continue;
      const partition = this.homeOf(partner);
      const isStopped = () =>
        this.looking.isStopped ||
        !this.owned.has(partition) ||
        registry.find(party, "partner", doc.id)?.version !== version;
      const owns = async () => (await this.owned.get(partition)?.()) !== false;
      const done = this.work(partner, { isStopped, owns }).finally(() => this.running.delete(key));
      this.running.set(key, { partition, done });
    }
    return Promise.resolve();
  }

  private homeOf(partner: Partner): number {
    return homePartition(partner, this.needs.log.topics.events.partitions);
  }
}
