// Pulls a list of each partner that has it: all of it when this process first sees the partner registered and when an operator asks
// for a resync, then from time to time what changed.
import { limits } from "../../core/config/limits.ts";
import { messageOf } from "../../core/runtime/errors.ts";
import type { PartnerDoc } from "../../core/registry/entities.ts";
import type { Partner } from "./partners.ts";
import { peerWay, type PeerWay } from "./peer-way.ts";
import type { PushNeeds } from "./pushes/needs.ts";
import { PartnerRounds, type Turn } from "./pushes/partner-rounds.ts";
import { pauseAfter } from "./pushes/patience.ts";

export interface PulledList {
  /** As people say it: "tokens". */
  readonly what: string;
  /** undefined: the partner has no such list. */
  readonly urlOf: (doc: PartnerDoc) => string | undefined;
  /** @param since epoch ms; undefined: all of it @returns false: it was stopped half-way @throws OcpiError 3001 */
  readonly pull: (way: PeerWay, at: PulledFrom, since: number | undefined, turn: Turn) => Promise<boolean>;
}

export interface PulledFrom {
  readonly partner: Partner;
  readonly url: string;
}

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

export class ListPulls {
  private readonly needs: PushNeeds;
  private readonly list: PulledList;
  readonly rounds: PartnerRounds;
  /** By party and partner; those that are registered. */
  private readonly pulled = new Map<string, Pulled>();
  private way: PeerWay | undefined;

  constructor(needs: PushNeeds, list: PulledList) {
    this.needs = needs;
    this.list = list;
    this.rounds = new PartnerRounds(needs, lookEveryMs, (partner, turn) => this.look(partner, turn));
  }

  private async look(partner: Partner, turn: Turn): Promise<void> {
    const { clock, logger } = this.needs;
    const { party, doc } = partner;
    const url = this.list.urlOf(doc);
    if (url === undefined) return;
    const resync = doc.pushes?.resync;
    const key = `${party}/${doc.id}/${doc.peer!.sealedToken}`;
    const before = this.pulled.get(key) ?? { resync, ...neverYet };
    const known = before.resync === resync ? before : { resync, ...neverYet };
    if (clock.monotonic() < known.nextAt) return;
    const begun = clock.now();
    try {
      this.way ??= peerWay(this.needs);
      if (!(await turn.owns()) || !(await this.list.pull(this.way, { partner, url }, known.since, turn))) return;
      const nextAt = clock.monotonic() + limits.ocpiTokenPullMs;
      this.remember(key, { resync, since: begun - limits.ocpiTokenPullMarginMs, failures: 0, nextAt });
    } catch (error) {
      const failures = known.failures + 1;
      const { what } = this.list;
      logger.warn({ partner: doc.id, what, failures, why: messageOf(error) }, "a partner's list could not be pulled");
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
}
