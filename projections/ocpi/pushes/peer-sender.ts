// Sends to one partner what waits for it, one after the other. Whatever it does, nobody but itself waits for it.
import type { OcpiPeerRow } from "../../../core/store/tables.ts";
import { messageOf } from "../../../core/runtime/errors.ts";
import { limits } from "../../../core/config/limits.ts";
import { isAway, type PartyName } from "../hub-parties.ts";
import type { Partner, Partners } from "../partners.ts";
import { versionWith } from "../versions/version.ts";
import type { PeerAddress, PeerClient } from "../peer-client.ts";
import type { ActiveProfiles } from "./active-profiles.ts";
import { holds, isAtPartner } from "./cdr-check.ts";
import { contentOf, statusUrl, type Content, type PushRequest } from "./content.ts";
import { moduleOf, type ObjectKind } from "./marks.ts";
import type { PushNeeds } from "./needs.ts";
import type { MarkedStatus, Outbox, Waiting as WaitingFor } from "./outbox.ts";
import { pauseAfter } from "./patience.ts";
import { partyNameOf, profilesOf, receiverOf } from "./peers.ts";
import { digestOf, verdictOf, type Verdict } from "./verdict.ts";

export interface SenderParts {
  readonly needs: PushNeeds;
  readonly outbox: Outbox;
  readonly partners: Partners;
  readonly peers: PeerClient;
  readonly profiles: ActiveProfiles;
  /** 0 to 1. */
  readonly random: () => number;
}

type Outcome = "done" | "failed";
type Failure = Extract<Verdict, { kind: "failed" }>;
type Waiting = WaitingFor<"profiles"> | WaitingFor<Exclude<ObjectKind, "profiles">>;

interface Question {
  readonly method: PushRequest["method"] | "GET";
  readonly url: string;
  readonly body?: string;
  readonly to?: PartyName;
  /** On a connection that stays: what may come twice. */
  readonly keeps?: true;
}

/** Of one run: made anew for each, so that what an operator changed counts. */
export class PeerSender {
  private readonly parts: SenderParts;
  private readonly partner: Partner;
  private row: OcpiPeerRow;
  /** Opened once: unsealing its token costs as much as a push. */
  private opened: PeerAddress | undefined;
  private lastAnswered = false;

  constructor(parts: SenderParts, partner: Partner, row: OcpiPeerRow) {
    this.parts = parts;
    this.partner = partner;
    this.row = row;
  }

  /** Until nothing waits, the partner fails, or somebody says stop. */
  async run(isStopped: () => boolean): Promise<void> {
    const { outbox, needs } = this.parts;
    while (!isStopped()) {
      const [head, second] = await outbox.first(this.row, "objects", needs.clock.now(), 2);
      if (!head) return;
      if (head.kind === "evses" && this.row.failures === 0) {
        const statuses = await outbox.statuses(this.row, needs.clock.now(), limits.ocpiStatusBatch);
        if (statuses.length > 1) {
          if ((await this.tellStatuses(statuses, isStopped)) === "failed") return;
          continue;
        }
      }
      const isSuspect = second !== undefined && head.attempts >= limits.ocpiPushSuspectAttempts;
      const outcome = isSuspect ? await this.tellPoison(head, second) : await this.deliver(head);
      if (outcome === "failed") return;
    }
  }

  /**
   * It failed again and again, and everything behind it waits: it is the fault of this one where the next is taken and this
   * one still is not; else the partner is away.
   */
  private async tellPoison(head: Waiting, second: Waiting): Promise<Outcome> {
    if ((await this.deliver(second)) === "failed") return "failed";
    if ((await this.deliver(head)) === "done") return "done";
    if (!this.lastAnswered) return "failed";
    await this.bury(head, `others are taken, this one fails again and again (${this.row.problem ?? ""})`);
    return "done";
  }

  private async deliver(waiting: Waiting): Promise<Outcome> {
    if (waiting.kind === "cdrs" && waiting.deliveredAt !== null) return this.checkCdr(waiting);
    const content = await this.contentOf(waiting);
    const { outbox, needs } = this.parts;
    if (content === "nothing") {
      // Of a profile only the question is known, and it is answered.
      await (waiting.kind === "profiles" ? outbox.delivered(waiting, undefined) : outbox.drop(waiting));
      return "done";
    }
    if ("later" in content) {
      await outbox.note(waiting, content.told);
      await outbox.postpone(waiting, needs.clock.now() + content.later);
      return "done";
    }
    if ("withheld" in content) {
      await this.bury(waiting, `withheld: ${content.withheld}`);
      return "done";
    }
    if (content.to && isAway(needs.registry, this.partner, content.to)) {
      await outbox.postpone(waiting, needs.clock.now() + limits.ocpiAwayMs);
      return "done";
    }
    await outbox.begin(waiting, waiting.kind === "cdrs" ? (content.body ?? null) : null);
    const [sent, verdict] = await this.send(content);
    if (verdict.kind === "delivered") await this.taken({ ...waiting, attempts: waiting.attempts + 1 }, sent, verdict);
    else if (verdict.kind === "refused") await this.bury({ ...waiting, attempts: waiting.attempts + 1 }, verdict.why);
    else await this.failed(waiting, verdict);
    return verdict.kind === "failed" ? "failed" : "done";
  }

  /** One that was taken: the partner is asked whether it has it, and is sent the same bytes again where it has not. */
  private async checkCdr(waiting: Waiting): Promise<Outcome> {
    const { outbox } = this.parts;
    const { proof, told, deliveredAt } = waiting;
    const made = await this.contentOf({ ...waiting, deliveredAt: null, body: null });
    if (proof === null || made === "nothing" || !isAtPartner(proof, receiverOf(this.partner.doc, "cdrs") ?? "")) {
      await outbox.drop(waiting);
      return "done";
    }
    const body = "body" in made && digestOf(made.body ?? "") === told ? made.body : undefined;
    await outbox.begin(waiting, null);
    const [verdict, answer] = await this.exchange({ method: "GET", url: proof });
    if (verdict.kind === "failed") {
      await this.failed(waiting, verdict);
      return "failed";
    }
    const isAbsent = verdict.kind === "refused" && verdict.isAbsent;
    if (isAbsent && body !== undefined) return this.deliver({ ...waiting, deliveredAt: null, body });
    await outbox.delivered(waiting, { told, proof, delivered_at: deliveredAt });
    const isOther = verdict.kind === "delivered" && body !== undefined && !holds(answer, body);
    if (isAbsent) await this.bury(waiting, "the partner has it no more, and it cannot be made again byte for byte");
    else if (isOther) await this.bury(waiting, "the partner has another CDR at the Location that it gave for this one");
    else this.count(waiting, "exists");
    return "done";
  }

  /**
   * Statuses of different EVSEs wait for each other nowhere: some at a time are on their way, so that a partner far off hears of
   * as many as one nearby. What is refused goes the long way, one by one.
   */
  private async tellStatuses(statuses: readonly MarkedStatus[], isStopped: () => boolean): Promise<Outcome> {
    const taken: MarkedStatus[] = [];
    const refused: MarkedStatus[] = [];
    let failed: { readonly status: MarkedStatus; readonly verdict: Failure } | undefined;
    const rest = statuses.values();
    const lane = async (): Promise<void> => {
      for (const status of rest) {
        const verdict = await this.tellStatus(status);
        if (verdict.kind === "delivered") taken.push(status);
        else if (verdict.kind === "refused") refused.push(status);
        else failed ??= { status, verdict };
        if (failed || isStopped()) return;
      }
    };
    await Promise.all(Array.from({ length: limits.ocpiStatusesInFlight }, lane));
    if (taken.length > 0) await this.toldAll(taken);
    for (const status of refused) if (!failed && (await this.deliver(status)) === "failed") return "failed";
    if (!failed) return "done";
    await this.parts.outbox.begin(failed.status, null);
    await this.failed(failed.status, failed.verdict);
    return "failed";
  }

  private async tellStatus({ object, status }: MarkedStatus): Promise<Verdict> {
    const { party, doc } = this.partner;
    const receiver = receiverOf(doc, "locations");
    if (receiver === undefined) return { kind: "refused", why: "it has no such interface", isAbsent: true };
    return this.ask({ method: "PATCH", url: statusUrl(party, receiver, object), body: status, keeps: true });
  }

  private async toldAll(statuses: readonly MarkedStatus[]): Promise<void> {
    await this.parts.outbox.told(statuses);
    for (const status of statuses) this.count(status, "delivered");
    await this.seen(this.parts.needs.clock.now());
  }

  /** @throws OcpiError where the token cannot be opened */
  private get address(): PeerAddress {
    this.opened ??= this.parts.peers.addressOf(this.partner);
    return this.opened;
  }

  private async contentOf(waiting: Waiting): Promise<Content> {
    const { party, doc } = this.partner;
    if (waiting.kind === "profiles") {
      const sender = profilesOf(doc);
      return sender === undefined ? "nothing" : this.parts.profiles.contentOf(sender, waiting);
    }
    const receiver = receiverOf(doc, moduleOf(waiting.kind));
    if (receiver === undefined) return "nothing";
    const view = { context: this.parts.needs, party, partner: this.partner, version: versionWith(doc) };
    return contentOf(view, receiver, waiting);
  }

  /** A PATCH that is refused: the partner is asked whether it has the object, and given all of it where it has not. */
  private async send(request: PushRequest): Promise<readonly [PushRequest, Verdict]> {
    const verdict = await this.ask(request);
    if (verdict.kind !== "refused" || !request.whole) return [request, verdict];
    const { url, to } = request.whole;
    const found = await this.ask({ method: "GET", url, ...(to && { to }) });
    if (found.kind === "failed") return [request, found];
    if (found.kind === "delivered" && !verdict.isAbsent) return [request, verdict];
    return [request.whole, await this.ask(request.whole)];
  }

  private async ask(request: Question): Promise<Verdict> {
    return (await this.exchange(request))[0];
  }

  /** @returns what it means, and the body of the answer */
  private async exchange(request: Question): Promise<readonly [Verdict, string]> {
    const { peers, partners } = this.parts;
    const { party, doc } = this.partner;
    const [own] = partners.ownRoles(party);
    const { method, url, body, to, keeps } = request;
    const routing = partners.routingTo(this.partner, to);
    try {
      const content = body === undefined ? {} : { body: JSON.parse(body) as unknown };
      const sent = { method, url, routing, ...content, ...(keeps && { keeps }) };
      const answer = await peers.send(this.address, sent);
      const verdict = verdictOf(answer, { roles: doc.roles, own: own! });
      return [verdict, answer.result === "answered" ? answer.body : ""];
    } catch (error) {
      // No key, or another one: the operator is told beside what waits.
      return [{ kind: "failed", why: messageOf(error), isAnswered: false }, ""];
    }
  }

  private async taken(waiting: Waiting, sent: PushRequest, verdict: Extract<Verdict, { kind: "delivered" }>) {
    const { outbox, needs } = this.parts;
    const now = needs.clock.now();
    if (waiting.kind === "cdrs") {
      const told = digestOf(sent.body ?? "");
      await outbox.delivered(waiting, { told, proof: verdict.location ?? waiting.proof, delivered_at: now });
    } else if (sent.told !== null) {
      await outbox.delivered(waiting, { told: sent.told, proof: null, delivered_at: null });
    } else await outbox.delivered(waiting, undefined);
    this.count(waiting, verdict.isRepeat ? "exists" : "delivered");
    await this.seen(now);
  }

  /** It takes pushes; once a minute is enough for people. */
  private async seen(now: number): Promise<void> {
    const { failures, delivered_at: before } = this.row;
    if (failures === 0 && before !== null && now - before < limits.ocpiPushSeenMs) return;
    await this.keep({ ...this.row, failures: 0, resume_at: 0, problem: null, delivered_at: now });
  }

  private async failed(waiting: Waiting, { why, isAnswered }: Failure): Promise<void> {
    const { clock, logger } = this.parts.needs;
    const failures = this.row.failures + 1;
    const pause = pauseAfter(failures, this.parts.random());
    this.lastAnswered = isAnswered;
    this.count(waiting, "failed");
    logger.warn({ partner: this.partner.doc.id, module: waiting.kind, failures, why }, "a partner did not take a push");
    await this.keep({ ...this.row, failures, resume_at: clock.now() + pause, problem: why.slice(0, 500) });
  }

  private async bury(waiting: Waiting, why: string): Promise<void> {
    const { outbox, needs } = this.parts;
    this.count(waiting, why.startsWith("withheld") ? "withheld" : "refused");
    needs.logger.warn(
      { partner: this.partner.doc.id, module: waiting.kind, object: waiting.object, why },
      "a push is a dead letter now: `wattlog partner queue` shows it, `wattlog partner retry` sends it again",
    );
    await outbox.bury(waiting, why.slice(0, 500), needs.clock.now());
  }

  private async keep(row: OcpiPeerRow): Promise<void> {
    await this.parts.outbox.keepPeer(row);
    this.row = row;
  }

  private count({ kind }: Waiting, result: "delivered" | "exists" | "refused" | "withheld" | "failed"): void {
    const { metrics } = this.parts.needs;
    metrics.ocpiPushes.inc({ party: partyNameOf(this.partner.doc), module: moduleOf(kind), result });
  }
}
