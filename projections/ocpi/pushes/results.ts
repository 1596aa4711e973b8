// Results of commands, POSTed unwrapped to the address that the partner named with its command (2.2.1, Commands, ChargingProfiles). A
// queue beside that of objects: a driver waits for it, and an address that nobody answers at is no sign that the partner is away.
import { limits } from "../../../core/config/limits.ts";
import { trusted } from "../../../core/ids/ids.ts";
import type { CommandOrigin } from "../../../core/records/frame-record.ts";
import { messageOf } from "../../../core/runtime/errors.ts";
import type { CommandRow } from "../../../core/store/tables.ts";
import {
  activeProfile,
  profileReplies,
  profileResultType,
  wholeCapacity,
  type ProfileReply,
} from "../charging-profile-object.ts";
import { commandNames, frameOf, resultOf, type CommandName } from "../command-requests.ts";
import { isAway } from "../hub-parties.ts";
import type { Partner } from "../partners.ts";
import { peerWay, type PeerWay } from "../peer-way.ts";
import { placeOfSession } from "../places.ts";
import { isMembers, type Members } from "../values.ts";
import { commandResultIn } from "../versions/tokens.ts";
import { versionWith } from "../versions/version.ts";
import type { PushNeeds } from "./needs.ts";
import { Outbox, type Waiting } from "./outbox.ts";
import { PartnerRounds, type Turn } from "./partner-rounds.ts";
import { pauseAfter } from "./patience.ts";
import { partyNameOf } from "./peers.ts";

const lookEveryMs = 250;
/** To one partner at a time. */
const atOnce = 16;

export class ResultSender {
  private readonly needs: PushNeeds;
  private readonly outbox: Outbox;
  readonly rounds: PartnerRounds;
  private way: PeerWay | undefined;

  constructor(needs: PushNeeds) {
    this.needs = needs;
    this.outbox = new Outbox(needs.store);
    this.rounds = new PartnerRounds(needs, lookEveryMs, (partner, turn) => this.serve(partner, turn));
  }

  private async serve(partner: Partner, { isStopped, owns }: Turn): Promise<void> {
    const { clock, logger } = this.needs;
    const { party, doc } = partner;
    try {
      while (!isStopped()) {
        const some = await this.outbox.first({ party, partner: doc.id }, "results", clock.now(), atOnce);
        if (some.length === 0 || !(await owns())) return;
        await Promise.all(some.map((waiting) => this.deliver(partner, waiting)));
      }
    } catch (error) {
      logger.warn({ err: error, partner: doc.id }, "results of a partner's commands stand still; they are tried again");
    }
  }

  private async deliver(partner: Partner, waiting: Waiting): Promise<void> {
    const { clock, metrics, logger } = this.needs;
    const row = await commandOf(this.needs, waiting);
    const { reply } = (row ? JSON.parse(row.origin) : {}) as Partial<CommandOrigin>;
    const body = row && reply && (await resultBody(this.needs, row, reply.of, reply.session));
    if (!reply || !body) return this.outbox.delivered(waiting, undefined);
    if (reply.to && isAway(this.needs.registry, partner, reply.to)) {
      return this.outbox.postpone(waiting, clock.now() + limits.ocpiAwayMs);
    }
    await this.outbox.begin(waiting, null);
    const failure = await this.post(partner, reply, body);
    const result = failure === undefined ? "delivered" : failure.isFinal ? "refused" : "failed";
    metrics.ocpiPushes.inc({ party: partyNameOf(partner.doc), module: "commands", result });
    if (failure === undefined) return this.outbox.delivered(waiting, undefined);
    const attempts = waiting.attempts + 1;
    logger.warn(
      { partner: partner.doc.id, of: reply.of, attempts, why: failure.why },
      "a partner did not take a result",
    );
    const isLast = failure.isFinal || attempts >= limits.ocpiResultAttempts;
    if (isLast) return this.outbox.bury({ ...waiting, attempts }, failure.why.slice(0, 500), clock.now());
    return this.outbox.postpone(waiting, clock.now() + pauseAfter(attempts, Math.random()));
  }

  /** @returns undefined: it was taken */
  private async post(
    partner: Partner,
    { url, correlationId, to }: NonNullable<CommandOrigin["reply"]>,
    body: Members,
  ): Promise<
    { readonly why: string; /** The same again would be refused again. */ readonly isFinal: boolean } | undefined
  > {
    try {
      this.way ??= peerWay(this.needs);
      const { peers, partners } = this.way;
      const routing = partners.routingTo(partner, to);
      const said = commandResultIn(versionWith(partner.doc), body);
      const answer = await peers.send(peers.addressOf(partner), {
        method: "POST",
        url,
        correlationId,
        routing,
        body: said,
      });
      if (answer.result !== "answered") return { why: `${answer.result}: ${answer.why}`, isFinal: false };
      if (answer.status < 300) return undefined;
      return { why: `HTTP ${answer.status}`, isFinal: answer.status < 500 && answer.status !== 429 };
    } catch (error) {
      return { why: messageOf(error), isFinal: false };
    }
  }
}

function commandOf({ store }: PushNeeds, { party, object }: Waiting): Promise<CommandRow | undefined> {
  return store.reader
    .selectFrom("live_command")
    .selectAll()
    .where("party", "=", party)
    .where("id", "=", object)
    .executeTakeFirst();
}

/** @returns undefined: there is nothing that would be true */
async function resultBody(
  needs: PushNeeds,
  row: CommandRow,
  of: string,
  session: string | undefined,
): Promise<Members | undefined> {
  const command = commandNames.find((known): known is CommandName => known === of);
  if (command) return { result: resultOf(command, row.outcome, row.response) };
  const profile = profileReplies.find((known): known is ProfileReply => known === of);
  if (!profile) return undefined;
  const [, , payload] = frameOf(row.response);
  const answer = isMembers(payload) ? payload : {};
  const result = profileResultType(row.outcome, answer);
  if (result === undefined) return undefined;
  if (profile !== "ActiveChargingProfile" || result !== "ACCEPTED") return { result };
  const found = session === undefined ? undefined : await activeProfileOf(needs, row, answer, session);
  return { result, ...(found && { profile: found }) };
}

/**
 * What the station answered; where nothing limits it, what the connector can.
 * @param row of a GetCompositeSchedule that was accepted
 */
export async function activeProfileOf(
  { store, registry }: PushNeeds,
  row: CommandRow,
  answer: Members,
  sessionId: string,
): Promise<Members | undefined> {
  const at = row.ended_at ?? row.last_updated;
  const told = activeProfile(answer, at);
  if (told) return told;
  const session = await store.reader
    .selectFrom("live_session")
    .selectAll()
    .where("party", "=", row.party)
    .where("id", "=", sessionId)
    .executeTakeFirst();
  const place = session && placeOfSession(registry, trusted.party(row.party), session);
  const { duration } = JSON.parse(row.payload) as { readonly duration: number };
  return place && wholeCapacity(place.connector, at, duration);
}
