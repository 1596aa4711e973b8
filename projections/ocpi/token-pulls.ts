// Pulls partners' tokens (2.2.1, Tokens, Sender interface): the whole list when this process first sees the partner registered
// and when an operator asks for a resync, then from time to time what changed. They become tokens of the registry as pushed ones.
import { limits } from "../../core/config/limits.ts";
import { messageOf } from "../../core/runtime/errors.ts";
import { Problem } from "../rest/problems.ts";
import { OcpiError } from "./envelope.ts";
import { actsFor, type Partner } from "./partners.ts";
import { peerWay, type PeerWay } from "./peer-way.ts";
import type { PushNeeds } from "./pushes/needs.ts";
import { PartnerRounds, type Turn } from "./pushes/partner-rounds.ts";
import { pauseAfter } from "./pushes/patience.ts";
import { partyNameOf, tokensOf } from "./pushes/peers.ts";
import { tokenPages } from "./token-list.ts";
import { parseToken } from "./token-object.ts";
import { isStored, storeToken } from "./token-store.ts";

/** What is remembered of a partner: nothing of it outlives the process, whose successor reads the whole list once. */
interface Pulled {
  /** The operator's word that was carried out last. */
  readonly resync: string | undefined;
  /** Since when, epoch ms, changes are not known; undefined: the whole list is due. */
  readonly since: number | undefined;
  readonly failures: number;
  /** Monotonic ms. */
  readonly nextAt: number;
}

const lookEveryMs = 500;
const neverYet = { since: undefined, failures: 0, nextAt: 0 } as const;

export class TokenPulls {
  private readonly needs: PushNeeds;
  private readonly rounds: PartnerRounds;
  /** By party and partner; those that are registered. */
  private readonly pulled = new Map<string, Pulled>();
  private way: PeerWay | undefined;

  constructor(needs: PushNeeds) {
    this.needs = needs;
    this.rounds = new PartnerRounds(needs, lookEveryMs, (partner, turn) => this.look(partner, turn));
  }

  start(): void {
    this.rounds.start();
  }

  take(partition: number, owns: (() => Promise<boolean>) | undefined): void {
    this.rounds.take(partition, owns);
  }

  give(partition: number): Promise<void> {
    return this.rounds.give(partition);
  }

  stop(): Promise<void> {
    return this.rounds.stop();
  }

  private async look(partner: Partner, turn: Turn): Promise<void> {
    const { clock, logger } = this.needs;
    const { party, doc } = partner;
    const url = tokensOf(doc);
    if (url === undefined) return;
    const resync = doc.pushes?.resync;
    const key = `${party}/${doc.id}/${doc.peer!.sealedToken}`;
    const before = this.pulled.get(key) ?? { resync, ...neverYet };
    const known = before.resync === resync ? before : { resync, ...neverYet };
    if (clock.monotonic() < known.nextAt) return;
    const begun = clock.now();
    try {
      if (!(await turn.owns()) || !(await this.pull(partner, url, known.since, turn))) return;
      const nextAt = clock.monotonic() + limits.ocpiTokenPullMs;
      this.remember(key, { resync, since: begun - limits.ocpiTokenPullMarginMs, failures: 0, nextAt });
    } catch (error) {
      const failures = known.failures + 1;
      logger.warn({ partner: doc.id, failures, why: messageOf(error) }, "a partner's tokens could not be pulled");
      this.remember(key, { ...known, failures, nextAt: clock.monotonic() + pauseAfter(failures, Math.random()) });
    }
  }

  /** Whoever is not registered any more, or with another token, begins anew when it is. */
  private remember(key: string, now: Pulled): void {
    this.pulled.set(key, now);
    const mine = new Set(
      [...this.rounds.mine()].map(({ party, doc }) => `${party}/${doc.id}/${doc.peer!.sealedToken}`),
    );
    for (const other of this.pulled.keys()) if (!mine.has(other)) this.pulled.delete(other);
  }

  /** @returns false: it was stopped half-way */
  private async pull(partner: Partner, url: string, since: number | undefined, { isStopped }: Turn): Promise<boolean> {
    const count = { stored: 0, unchanged: 0, refused: 0 };
    this.way ??= peerWay(this.needs);
    for await (const page of tokenPages(this.way, partner, url, since)) {
      for (let at = 0; at < page.length; at += limits.ocpiTokenWrites) {
        if (isStopped()) return false;
        const some = page.slice(at, at + limits.ocpiTokenWrites);
        for (const result of await Promise.all(some.map((object) => this.store(partner, object)))) count[result]++;
      }
    }
    this.tell(partner, count);
    return true;
  }

  private async store(partner: Partner, object: unknown): Promise<"stored" | "unchanged" | "refused"> {
    try {
      const token = parseToken(object);
      if (!actsFor(partner, token.countryCode, token.partyId)) return "refused";
      if (isStored(this.needs, partner, token)) return "unchanged";
      await storeToken(this.needs, partner, token);
      return "stored";
    } catch (error) {
      // Somebody else's, or no Token object: said in sum, for a list may be full of them.
      if (error instanceof OcpiError) return "refused";
      // It was pushed at this moment: that one is as new.
      if (error instanceof Problem && error.kind === "version-conflict") return "unchanged";
      throw error;
    }
  }

  private tell({ doc }: Partner, count: Readonly<Record<"stored" | "unchanged" | "refused", number>>): void {
    const { metrics, logger } = this.needs;
    const party = partyNameOf(doc);
    for (const result of ["stored", "unchanged", "refused"] as const) {
      metrics.ocpiTokensPulled.inc({ party, result }, count[result]);
    }
    if (count.refused > 0)
      logger.warn({ partner: doc.id, ...count }, "not every token of a partner's list can be used");
  }
}
