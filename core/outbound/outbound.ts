// One request to an address that a partner named (reliability.md, SSRF): its host is resolved once and the connection goes
// to exactly what was looked at; no redirect is followed; size and time are capped. What comes back is never trusted.
import { lookup as resolve } from "node:dns/promises";
import { once } from "node:events";
import { request as requestHttp, type Agent, type IncomingMessage, type RequestOptions } from "node:http";
import { request as requestHttps } from "node:https";
import { isIP, type LookupFunction } from "node:net";

import { limits } from "../config/limits.ts";
import { messageOf } from "../runtime/errors.ts";
import { isLoopbackAddress, isPublicAddress } from "./addresses.ts";
import { KeptConnections } from "./kept-connections.ts";

export interface OutboundRequest {
  readonly method: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Less than limits.outboundMs and limits.outboundAnswerBytes, where somebody waits for it. */
  readonly deadlineMs?: number;
  readonly answerBytes?: number;
  /** On a connection that stays, to the same address; for what may come twice: it is sent again where that had been closed. */
  readonly keeps?: true;
  /** Host names that may lead to private addresses, as the operator listed them for this partner. */
  readonly allowedHosts: readonly string[];
}

export type OutboundAnswer =
  | { readonly result: "answered"; readonly status: number; readonly headers: Headers; readonly body: string }
  /** The address is not one that we speak to; nothing was sent. */
  | { readonly result: "refused"; readonly why: string }
  /** Sent perhaps, and no whole answer in time. */
  | { readonly result: "failed"; readonly why: string };

export interface OutboundPolicy {
  /** `public`: https, to public addresses. `local`: http and loopback as well, for development on one machine. */
  readonly peers: "public" | "local";
  /** Replaced by tests. @returns every address of a host name. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
}

export interface Outbound {
  /** Never throws. */
  send(request: OutboundRequest): Promise<OutboundAnswer>;
  /** What can be told of an address without asking anybody. @returns why it is refused. */
  refusal(url: string, allowedHosts: readonly string[]): string | undefined;
}

export function createOutbound(policy: OutboundPolicy): Outbound {
  const kept = new KeptConnections();
  const refusal = (url: string, allowedHosts: readonly string[]) => refusalOf(URL.parse(url), policy, allowedHosts);
  return {
    refusal,
    async send(request) {
      const url = URL.parse(request.url);
      const why = refusalOf(url, policy, request.allowedHosts);
      if (url === null || why !== undefined) return { result: "refused", why: why ?? "it is not an address" };
      const found = await pinned(url, policy, request.allowedHosts);
      if ("why" in found) return found;
      if (!request.keeps) return exchange(url, request, found.address, false);
      return exchange(url, request, found.address, kept.to(url, found.address));
    },
  };
}

const urlMaxChars = 2_048;

function refusalOf(url: URL | null, policy: OutboundPolicy, allowedHosts: readonly string[]): string | undefined {
  if (url === null || url.href.length > urlMaxChars) return "it is not an address";
  if (url.protocol !== "https:" && !(url.protocol === "http:" && policy.peers === "local")) return "it is not https";
  if (url.username !== "" || url.password !== "") return "it names a user";
  const host = hostOf(url);
  if (isIP(host) === 0) return undefined;
  return mayReach(host, host, policy, allowedHosts) ? undefined : "it is no public address";
}

/** Without the brackets of IPv6; a URL has numbers in every notation as the plain address. */
function hostOf(url: URL): string {
  return url.hostname.replace(/^\[|\]$/g, "").replace(/\.$/, "");
}

function mayReach(address: string, host: string, policy: OutboundPolicy, allowedHosts: readonly string[]): boolean {
  if (isPublicAddress(address)) return true;
  if (allowedHosts.some((allowed) => allowed.toLowerCase() === host.toLowerCase())) return true;
  return policy.peers === "local" && isLoopbackAddress(address);
}

type Refusal = Extract<OutboundAnswer, { result: "refused" | "failed" }>;

async function pinned(
  url: URL,
  policy: OutboundPolicy,
  allowedHosts: readonly string[],
): Promise<{ readonly address: string } | Refusal> {
  const host = hostOf(url);
  if (isIP(host) !== 0) return { address: host };
  let addresses: readonly string[];
  try {
    addresses = await (policy.resolve ?? resolveAll)(host);
  } catch (error) {
    return { result: "failed", why: `its host cannot be resolved (${messageOf(error)})` };
  }
  // One private address among public ones is an attempt: all must be good, whichever would be taken.
  const bad = addresses.find((address) => !mayReach(address, host, policy, allowedHosts));
  if (bad !== undefined) return { result: "refused", why: "its host leads to an address that is not public" };
  const [address] = addresses;
  return address === undefined ? { result: "failed", why: "its host has no address" } : { address };
}

async function resolveAll(host: string): Promise<readonly string[]> {
  return (await resolve(host, { all: true, verbatim: true })).map(({ address }) => address);
}

async function exchange(
  url: URL,
  request: OutboundRequest,
  address: string,
  agent: Agent | false,
): Promise<OutboundAnswer> {
  const sent = (url.protocol === "https:" ? requestHttps : requestHttp)(url, optionsOf(request, address, agent));
  // One that comes while the answer is read is told by the reading.
  sent.on("error", () => undefined);
  try {
    const answered = once(sent, "response") as Promise<[IncomingMessage]>;
    sent.end(request.body);
    return await collect((await answered)[0], Math.min(limits.outboundAnswerBytes, request.answerBytes ?? Infinity));
  } catch (error) {
    // The other side had closed it in the same moment.
    if (sent.reusedSocket && closed.has(codeOf(error))) return exchange(url, request, address, false);
    return { result: "failed", why: messageOf(error) };
  }
}

const closed: ReadonlySet<unknown> = new Set(["ECONNRESET", "EPIPE"]);

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : undefined;
}

function optionsOf(
  { method, headers, body, deadlineMs }: OutboundRequest,
  address: string,
  agent: Agent | false,
): RequestOptions {
  const length = body === undefined ? {} : { "content-length": String(Buffer.byteLength(body)) };
  return {
    method,
    headers: { accept: "application/json", ...headers, ...length },
    lookup: always(address),
    agent,
    signal: AbortSignal.timeout(Math.min(limits.outboundMs, deadlineMs ?? Infinity)),
  };
}

/** The name is resolved already; whoever connects gets exactly that, and TLS still checks the name. */
function always(address: string): LookupFunction {
  const family = isIP(address);
  return (_host, options, tell) => {
    if (options.all) tell(null, [{ address, family }]);
    else tell(null, address, family);
  };
}

async function collect(response: IncomingMessage, most: number): Promise<OutboundAnswer> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of response as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > most) {
      response.destroy();
      return { result: "failed", why: `its answer is larger than ${most} bytes` };
    }
    parts.push(part);
  }
  const headers = new Headers();
  for (const [name, values] of Object.entries(response.headersDistinct)) {
    for (const value of values ?? []) headers.append(name, value);
  }
  return { result: "answered", status: response.statusCode ?? 0, headers, body: Buffer.concat(parts).toString("utf8") };
}
