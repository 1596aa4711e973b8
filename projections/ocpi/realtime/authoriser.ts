// Real-time authorisation (2.2.1, Tokens, POST {uid}/authorize): a driver stands at a station and its partner is asked. Asked by
// the process that holds the station, with what the registry knows of the partner; nothing is queued and nothing tried again.
import type { OutboundAnswer } from "../../../core/outbound/outbound.ts";
import { allowedTypes } from "../../../core/ports/ports.ts";
import type { AuthorisationAnswer, AuthorisationQuestion, Authoriser } from "../../../core/ports/ports.ts";
import { limits } from "../../../core/config/limits.ts";
import type { PartyId } from "../../../core/ids/ids.ts";
import type { TokenDoc } from "../../../core/registry/entities.ts";
import { messageOf } from "../../../core/runtime/errors.ts";
import type { ApiOptions } from "../../rest/context.ts";
import { statusCodes } from "../envelope.ts";
import { actsFor, type Partner } from "../partners.ts";
import { peerWay, type PeerWay, type PeerWayNeeds } from "../peer-way.ts";
import { partyNameOf, tokensOf } from "../pushes/peers.ts";
import { envelopeIn, strangerIn } from "../pushes/verdict.ts";
import { parseToken } from "../token-object.ts";
import { isStored, storeToken } from "../token-store.ts";
import { isMembers, same, type Members } from "../values.ts";
import { ownerOf, readToken, tokenTypeIn } from "../versions/tokens.ts";
import { versionWith } from "../versions/version.ts";
import { Turnstile } from "./turnstile.ts";
import { Whereabouts } from "./whereabouts.ts";

export interface AuthoriserNeeds extends PeerWayNeeds, Pick<ApiOptions, "metrics" | "logger"> {
  /** 0 to 1. */
  readonly random?: () => number;
}

export interface PartnerAuthoriser extends Authoriser {
  stop(): void;
}

export function createAuthoriser(needs: AuthoriserNeeds): PartnerAuthoriser {
  return new RealTimeAuthoriser(needs);
}

const referenceMaxChars = 36;

class RealTimeAuthoriser implements PartnerAuthoriser {
  private readonly needs: AuthoriserNeeds;
  private readonly whereabouts: Whereabouts;
  /** By party and partner; those of whom nothing need be known are not here. */
  private readonly turnstiles = new Map<string, Turnstile>();
  private way: PeerWay | undefined;

  constructor(needs: AuthoriserNeeds) {
    this.needs = needs;
    this.whereabouts = new Whereabouts(needs.registry);
  }

  stop(): void {
    this.whereabouts.stop();
  }

  canAsk(party: PartyId, token: TokenDoc): boolean {
    const partner = this.partnerOf(party, token);
    return partner !== undefined && !partner.doc.paused && tokensOf(partner.doc) !== undefined;
  }

  async ask(question: AuthorisationQuestion): Promise<AuthorisationAnswer> {
    const partner = this.partnerOf(question.party, question.token);
    const url = partner && tokensOf(partner.doc);
    if (!partner || url === undefined) return { result: "noAnswer", why: "unasked" };
    const answer = await this.throughTurnstile(partner, () => this.askAt(partner, url, question));
    const result = answer.result === "answered" ? answer.allowed.toLowerCase() : answer.why;
    this.needs.metrics.ocpiAuthorisations.inc({ party: partyNameOf(partner.doc), result });
    return answer;
  }

  private partnerOf(party: PartyId, { roaming }: TokenDoc): Partner | undefined {
    const found = roaming && this.needs.registry.find(party, "partner", roaming.partner);
    return found && { party, ...found };
  }

  private async throughTurnstile(
    { party, doc }: Partner,
    ask: () => Promise<AuthorisationAnswer>,
  ): Promise<AuthorisationAnswer> {
    const { clock, metrics, random = Math.random } = this.needs;
    const key = `${party}/${doc.id}`;
    const turnstile = this.turnstiles.get(key) ?? new Turnstile();
    const begun = clock.monotonic();
    if (!turnstile.enter(begun)) return { result: "noAnswer", why: "unasked" };
    this.turnstiles.set(key, turnstile);
    const answer = await ask();
    const now = clock.monotonic();
    metrics.ocpiAuthorisationSeconds.observe((now - begun) / 1_000);
    turnstile.leave(answer.result === "answered" || answer.why === "refused", now, random());
    if (turnstile.isIdle) this.turnstiles.delete(key);
    return answer;
  }

  private async askAt(partner: Partner, url: string, question: AuthorisationQuestion): Promise<AuthorisationAnswer> {
    const { logger } = this.needs;
    const { party, station, token, evseId, deadlineMs } = question;
    const { partners, peers } = (this.way ??= peerWay(this.needs));
    const whole = token.roaming!.token;
    const uid = typeof whole["uid"] === "string" ? whole["uid"] : token.uid;
    const body = this.whereabouts.of(party, station, evseId);
    const owner = { countryCode: String(whole["country_code"]), partyId: String(whole["party_id"]) };
    const [own] = partners.ownRoles(party);
    try {
      const answer = await peers.send(peers.addressOf(partner), {
        method: "POST",
        url: `${url}/${encodeURIComponent(uid)}/authorize?type=${tokenTypeIn(versionWith(partner.doc), token.type)}`,
        ...(body && { body }),
        routing: partners.routingTo(partner, owner),
        deadlineMs,
        answerBytes: limits.ocpiAuthorisationAnswerBytes,
      });
      const read = readAnswer(answer, uid, strangerOf(answer, partner, own!));
      if (read.why !== undefined) logger.warn({ partner: partner.doc.id, why: read.why }, "a partner did not decide");
      if (read.token !== undefined) void this.keep(partner, read.token, uid);
      return read.answer;
    } catch (error) {
      // No key, or another one than it was sealed with.
      logger.warn({ partner: partner.doc.id, why: messageOf(error) }, "a partner could not be asked");
      return { result: "noAnswer", why: "failed" };
    }
  }

  /** The Token object comes with the answer: what the registry has is as new as that from then on. */
  private async keep(partner: Partner, object: unknown, uid: string): Promise<void> {
    const { logger } = this.needs;
    try {
      const token = parseToken(readToken(versionWith(partner.doc), object, ownerOf(partner.doc)));
      if (!same(token.uid, uid) || !actsFor(this.needs.registry, partner, token.countryCode, token.partyId)) return;
      if (!isStored(this.needs, partner, token)) await storeToken(this.needs, partner, token);
    } catch (error) {
      logger.warn({ partner: partner.doc.id, why: messageOf(error) }, "the token in a partner's answer is not kept");
    }
  }
}

function strangerOf(answer: OutboundAnswer, { doc }: Partner, own: Parameters<typeof strangerIn>[1]["own"]) {
  return answer.result === "answered" ? strangerIn(answer.headers, { roles: doc.roles, own }) : undefined;
}

interface Read {
  readonly answer: AuthorisationAnswer;
  /** Of no answer: what was wrong, for the operator. */
  readonly why?: string;
  readonly token?: unknown;
}

/** Pure. @param stranger whoever else answered, or was answered */
export function readAnswer(answer: OutboundAnswer, uid: string, stranger: string | undefined): Read {
  if (answer.result !== "answered") {
    const isLate = answer.result === "failed" && /abort|time/i.test(answer.why);
    return nothing(isLate ? "timeout" : "failed", answer.why);
  }
  if (stranger !== undefined) return nothing("failed", `answered by or for another party: ${stranger}`);
  const envelope = envelopeIn(answer.body);
  const status = envelope?.["status_code"];
  const isAbsent = answer.status === 404 && typeof status === "number" && status >= 2000;
  if (isAbsent || status === statusCodes.unknownToken) {
    return { answer: { result: "answered", allowed: "UNKNOWN" } };
  }
  const said = `HTTP ${answer.status}, status ${String(status).slice(0, 8)}`;
  const isAlive = answer.status < 500 && typeof status === "number" && status < 3000;
  if (answer.status >= 300 || !isAlive || status >= 2000 || status < 1000) {
    return nothing(isAlive ? "refused" : "failed", said);
  }
  const data = envelope?.["data"];
  const info: Members = isMembers(data) ? data : {};
  const allowed = allowedTypes.find((known) => known === info["allowed"] && known !== "UNKNOWN");
  if (allowed === undefined) return nothing("refused", `${said}, without one of OCPI's words for allowed`);
  const { token, authorization_reference: reference } = info;
  if (isMembers(token) && typeof token["uid"] === "string" && !same(token["uid"], uid)) {
    return nothing("refused", "it answered about another token");
  }
  const isUsable = typeof reference === "string" && reference !== "" && reference.length <= referenceMaxChars;
  return { answer: { result: "answered", allowed, ...(isUsable && { reference }) }, token };
}

function nothing(why: "timeout" | "failed" | "refused", words: string): Read {
  return { answer: { result: "noAnswer", why }, why: words };
}
