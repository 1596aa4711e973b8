// Calls to a partner: through the guard, with the token that it gave us, and with an answer that is checked before it is used.
import { randomUUID } from "node:crypto";

import type { Outbound, OutboundRequest } from "../../core/outbound/outbound.ts";
import type { PartnerDoc } from "../../core/registry/entities.ts";
import { OcpiError, statusCodes } from "./envelope.ts";
import type { Partner, Partners } from "./partners.ts";
import { isMembers } from "./values.ts";
import { sendsRaw, versionWith, type OcpiVersion } from "./versions/version.ts";

export interface PeerAddress {
  /** What we present, not encoded. */
  readonly token: string;
  readonly rawTokens: boolean;
  readonly allowedHosts: readonly string[];
}

export interface PeerRequest {
  readonly method: OutboundRequest["method"];
  readonly url: string;
  readonly body?: unknown;
  readonly correlationId?: string;
  /** Of functional modules: from and to. */
  readonly routing?: Readonly<Record<string, string>>;
  /** Where somebody waits for the answer: see `OutboundRequest`. */
  readonly deadlineMs?: number;
  readonly answerBytes?: number;
  /** On a connection that stays: see `OutboundRequest`. */
  readonly keeps?: true;
}

const success = /^1\d{3}$/;

export class PeerClient {
  private readonly outbound: Outbound;
  private readonly partners: Partners;

  constructor(outbound: Outbound, partners: Partners) {
    this.outbound = outbound;
    this.partners = partners;
  }

  /** Of a partner that has registered. @throws OcpiError 3001 */
  addressOf({ party, doc }: Partner): PeerAddress {
    const token = doc.peer && this.partners.open(party, doc.id, "token", doc.peer.sealedToken);
    if (token === undefined) throw unusable("there is no token for it, or WATTLOG_SECRETS_KEY is another one now");
    return addressWith(doc, token, versionWith(doc));
  }

  /**
   * @returns `data` of the answer; undefined where it has none.
   * @throws OcpiError 3001 with what went wrong: refused by the guard, no answer, no envelope, or one that says no.
   */
  async call(address: PeerAddress, request: PeerRequest): Promise<unknown> {
    const answer = await this.send(address, request);
    if (answer.result !== "answered") throw unusable(`${answer.result}: ${answer.why}`);
    const body = parsed(answer.body);
    if (!isMembers(body)) throw unusable(`HTTP ${answer.status} without an OCPI answer`);
    const { status_code: status, status_message: message } = body;
    const says = typeof message === "string" ? `: ${message.slice(0, 200)}` : "";
    if (answer.status >= 300 || !success.test(String(status))) {
      throw unusable(`HTTP ${answer.status}, status ${String(status).slice(0, 8)}${says}`);
    }
    return body["data"];
  }

  /** Whatever comes back. Never throws. */
  send({ token, rawTokens, allowedHosts }: PeerAddress, request: PeerRequest) {
    const { method, url, body, correlationId = randomUUID(), routing = {}, deadlineMs, answerBytes, keeps } = request;
    return this.outbound.send({
      ...(deadlineMs === undefined ? {} : { deadlineMs }),
      ...(answerBytes === undefined ? {} : { answerBytes }),
      ...(keeps && { keeps }),
      method,
      url,
      allowedHosts,
      headers: {
        authorization: `Token ${rawTokens ? token : Buffer.from(token, "utf8").toString("base64")}`,
        "x-request-id": randomUUID(),
        "x-correlation-id": correlationId,
        ...routing,
        ...(body === undefined ? {} : { "content-type": "application/json" }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  }
}

export function addressWith(
  doc: Pick<PartnerDoc, "rawTokens" | "allowedHosts">,
  token: string,
  version: OcpiVersion,
): PeerAddress {
  return { token, rawTokens: sendsRaw(doc, version), allowedHosts: doc.allowedHosts ?? [] };
}

function unusable(why: string): OcpiError {
  return new OcpiError(statusCodes.clientApiUnusable, `Your side could not be used: ${why}.`);
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
