// Sends to every partner whose home partition is ours.
import { Rounds } from "../../../core/runtime/rounds.ts";
import type { Partner } from "../partners.ts";
import { peerWay } from "../peer-way.ts";
import type { PushNeeds } from "./needs.ts";
import { ActiveProfiles } from "./active-profiles.ts";
import { Outbox } from "./outbox.ts";
import { PeerSender, type SenderParts } from "./peer-sender.ts";
import { PartnerRounds, type Turn } from "./partner-rounds.ts";
import { partyNameOf, pushPeers } from "./peers.ts";
import { carryOut } from "./requests.ts";

const lookEveryMs = 500;
const measureEveryMs = 5_000;

export class PushSender {
  private readonly needs: PushNeeds;
  private readonly outbox: Outbox;
  private readonly measured = new Set<string>();
  private readonly rounds: PartnerRounds;
  private readonly measuring: Rounds;
  private made: SenderParts | undefined;

  constructor(needs: PushNeeds) {
    this.needs = needs;
    this.outbox = new Outbox(needs.store);
    this.rounds = new PartnerRounds(needs, lookEveryMs, (partner, turn) => this.serve(partner, turn));
    this.measuring = new Rounds(needs.clock, measureEveryMs, () => this.measure());
  }

  start(): void {
    this.rounds.start();
    this.measuring.start();
  }

  take(partition: number, owns: (() => Promise<boolean>) | undefined): void {
    this.rounds.take(partition, owns);
  }

  /** Resolves when nothing is sent any more to the partners of this partition. */
  give(partition: number): Promise<void> {
    return this.rounds.give(partition);
  }

  async stop(): Promise<void> {
    await Promise.all([this.rounds.stop(), this.measuring.stop()]);
    for (const party of this.measured) this.needs.metrics.ocpiPushOldest.remove({ party });
  }

  private async serve(partner: Partner, { isStopped, owns }: Turn): Promise<void> {
    const { needs, outbox } = this;
    const { clock, logger } = needs;
    const { party, doc } = partner;
    try {
      const row = await carryOut(needs, outbox, partner, await outbox.peer({ party, partner: doc.id }));
      if (row.resume_at > clock.now()) return;
      const [first] = await outbox.first({ party, partner: doc.id }, "objects", clock.now(), 1);
      if (!first || !(await owns())) return;
      await new PeerSender(this.parts(), partner, row).run(isStopped);
    } catch (error) {
      logger.warn({ err: error, partner: doc.id }, "pushes to a partner stand still; they are tried again");
    }
  }

  private parts(): SenderParts {
    if (this.made) return this.made;
    const { needs, outbox } = this;
    this.made = { needs, outbox, ...peerWay(needs), profiles: new ActiveProfiles(needs), random: Math.random };
    return this.made;
  }

  private async measure(): Promise<void> {
    const { metrics, clock, registry, logger } = this.needs;
    try {
      const oldest = new Map<string, number>();
      for (const { party, doc } of this.rounds.mine()) {
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
      if (!this.rounds.has(0)) return;
      const registered = new Set([...pushPeers(registry)].map(({ party, doc }) => `${party}/${doc.id}`));
      for (const key of await this.outbox.peers()) {
        if (!registered.has(`${key.party}/${key.partner}`)) await this.outbox.forget(key);
      }
    } catch (error) {
      logger.warn({ err: error }, "could not measure what waits for partners");
    }
  }
}
