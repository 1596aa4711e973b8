// Sends to every partner whose home partition is ours, each by itself: one that hangs costs the others nothing.
import { Rounds } from "../../../core/runtime/rounds.ts";
import { createOutbound } from "../../../core/outbound/outbound.ts";
import { Partners, type Partner } from "../partners.ts";
import { PeerClient } from "../peer-client.ts";
import type { PushNeeds } from "./needs.ts";
import { Outbox } from "./outbox.ts";
import { PeerSender, type SenderParts } from "./peer-sender.ts";
import { homePartition, partyNameOf, pushPeers } from "./peers.ts";
import { carryOut } from "./requests.ts";

const lookEveryMs = 500;
const measureEveryMs = 5_000;

export class PushSender {
  private readonly needs: PushNeeds;
  private readonly outbox: Outbox;
  private readonly owned = new Map<number, (() => Promise<boolean>) | undefined>();
  /** By party and partner. */
  private readonly running = new Map<string, { readonly partition: number; readonly done: Promise<void> }>();
  private readonly measured = new Set<string>();
  private readonly looking: Rounds;
  private readonly measuring: Rounds;
  private made: SenderParts | undefined;

  constructor(needs: PushNeeds) {
    this.needs = needs;
    this.outbox = new Outbox(needs.store);
    this.looking = new Rounds(needs.clock, lookEveryMs, () => this.look());
    this.measuring = new Rounds(needs.clock, measureEveryMs, () => this.measure());
  }

  start(): void {
    this.looking.start();
    this.measuring.start();
  }

  take(partition: number, owns: (() => Promise<boolean>) | undefined): void {
    this.owned.set(partition, owns);
  }

  /** Resolves when nothing is sent any more to the partners of this partition. */
  async give(partition: number): Promise<void> {
    this.owned.delete(partition);
    const own = [...this.running.values()].filter((run) => run.partition === partition);
    await Promise.all(own.map(({ done }) => done));
  }

  async stop(): Promise<void> {
    const partitions = [...this.owned.keys()];
    await Promise.all([this.looking.stop(), this.measuring.stop()]);
    await Promise.all(partitions.map((partition) => this.give(partition)));
    for (const party of this.measured) this.needs.metrics.ocpiPushOldest.remove({ party });
  }

  private async look(): Promise<void> {
    for (const partner of this.mine()) {
      const key = `${partner.party}/${partner.doc.id}`;
      if (partner.doc.paused || this.running.has(key)) continue;
      const partition = this.homeOf(partner);
      const done = this.serve(partner, partition).finally(() => this.running.delete(key));
      this.running.set(key, { partition, done });
    }
    return Promise.resolve();
  }

  private async serve(partner: Partner, partition: number): Promise<void> {
    const { needs, outbox } = this;
    const { registry, clock, logger } = needs;
    const { party, doc } = partner;
    try {
      const row = await carryOut(needs, outbox, partner, await outbox.peer({ party, partner: doc.id }));
      if (row.resume_at > clock.now()) return;
      // Whoever was slow may not be the owner any more; whoever is now sends.
      const isStopped = () =>
        this.looking.isStopped ||
        !this.owned.has(partition) ||
        registry.find(party, "partner", doc.id)?.version !== partner.version;
      const [first] = await outbox.first({ party, partner: doc.id }, clock.now(), 1);
      if (!first || (await this.owned.get(partition)?.()) === false) return;
      await new PeerSender(this.parts(), partner, row).run(isStopped);
    } catch (error) {
      logger.warn({ err: error, partner: doc.id }, "pushes to a partner stand still; they are tried again");
    }
  }

  private *mine(): Generator<Partner> {
    for (const partner of pushPeers(this.needs.registry)) if (this.owned.has(this.homeOf(partner))) yield partner;
  }

  private homeOf(partner: Partner): number {
    return homePartition(partner, this.needs.log.topics.events.partitions);
  }

  private parts(): SenderParts {
    if (this.made) return this.made;
    const { needs, outbox } = this;
    const ocpi = needs.ocpi();
    const partners = new Partners({ ...needs, ocpi });
    const peers = new PeerClient(createOutbound({ peers: ocpi.peers }), partners);
    this.made = { needs, outbox, partners, peers, random: Math.random };
    return this.made;
  }

  private async measure(): Promise<void> {
    const { metrics, clock, registry, logger } = this.needs;
    try {
      const oldest = new Map<string, number>();
      for (const { party, doc } of this.mine()) {
        const due = await this.outbox.oldest({ party, partner: doc.id });
        const age = due === undefined ? 0 : Math.max(0, clock.now() - due) / 1_000;
        const name = partyNameOf(doc);
        oldest.set(name, Math.max(age, oldest.get(name) ?? 0));
      }
      for (const party of this.measured) if (!oldest.has(party)) metrics.ocpiPushOldest.remove({ party });
      this.measured.clear();
      for (const [party, age] of oldest) {
        metrics.ocpiPushOldest.set({ party }, age);
        this.measured.add(party);
      }
      if (!this.owned.has(0)) return;
      const registered = new Set([...pushPeers(registry)].map(({ party, doc }) => `${party}/${doc.id}`));
      for (const key of await this.outbox.peers()) {
        if (!registered.has(`${key.party}/${key.partner}`)) await this.outbox.forget(key);
      }
    } catch (error) {
      logger.warn({ err: error }, "could not measure what waits for partners");
    }
  }
}
