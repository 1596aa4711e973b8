// Where a request came from and how: from the socket itself, or, where a listed proxy stands between, from what that proxy
// says (reliability.md, storms and security profiles). Anybody can write such headers; from anybody else they count nothing.
import { BlockList, isIP } from "node:net";

import type { Clock } from "../../core/runtime/clock.ts";
import type { Logger } from "../../core/runtime/logger.ts";
import type { GatewayMetrics } from "../metrics.ts";
import {
  certificateHeaders,
  subjectInHeader,
  subjectOfCertificate,
  verifiedHeader,
  type CertificateHeader,
  type Subject,
} from "./client-certificate.ts";
import type { UpgradeRequest } from "./server.ts";

export interface OriginOptions {
  /** CIDRs of proxies that are believed. */
  readonly proxies: readonly string[];
  /** In which header those hand on the station's certificate; undefined: in none. */
  readonly certificateHeader: CertificateHeader | undefined;
  /** What a station's certificate must name as its organisation (2.0.1 A00.FR.507), one of them. */
  readonly organizations: readonly string[];
}

export const noProxies: OriginOptions = { proxies: [], certificateHeader: undefined, organizations: [] };

export interface Origin {
  /** The station's; that of the last one that is not listed where proxies stand between. */
  readonly remoteAddress: string;
  /** TLS as far as the station. */
  readonly secure: boolean;
  /** Common name in a verified certificate of one of our organisations; undefined: it showed none. */
  readonly certifiedName: string | undefined;
}

const forwardedFor = "x-forwarded-for";
const forwardedProto = "x-forwarded-proto";
const claims: readonly string[] = [...certificateHeaders, verifiedHeader];

/** All that a server hands on in `UpgradeRequest.forwarded`. */
export const forwardedNames: ReadonlySet<string> = new Set([forwardedFor, forwardedProto, ...claims]);

const warnEveryMs = 60_000;

export class Origins {
  private readonly listed: BlockList;
  private readonly options: OriginOptions;
  private readonly clock: Clock;
  private readonly metrics: GatewayMetrics;
  private readonly logger: Logger;
  private warnedAt = Number.NEGATIVE_INFINITY;

  constructor(options: OriginOptions, clock: Clock, metrics: GatewayMetrics, logger: Logger) {
    this.options = options;
    this.listed = networks(options.proxies);
    this.clock = clock;
    this.metrics = metrics;
    this.logger = logger;
  }

  of(request: UpgradeRequest): Origin {
    const peer = this.peerOf(request);
    // Behind our own TLS port speaks the station, whatever passed the bytes on.
    if (!request.secure && this.isListed(peer)) return this.behindProxy(request, peer);
    this.watchClaims(request, peer);
    const certificate = request.certificate();
    const subject = certificate === "" ? undefined : subjectOfCertificate(certificate, this.clock.now());
    return { remoteAddress: peer, secure: request.secure, certifiedName: this.nameIn(subject) };
  }

  /** A balancer that works below HTTP says by the PROXY protocol who stands behind it, and writes no headers. */
  private peerOf({ remoteAddress, proxiedAddress }: UpgradeRequest): string {
    return proxiedAddress !== "" && this.isListed(remoteAddress) ? proxiedAddress : remoteAddress;
  }

  private behindProxy({ forwarded }: UpgradeRequest, peer: string): Origin {
    const header = (name: string) => forwarded.get(name) ?? "";
    const { certificateHeader } = this.options;
    const subject = certificateHeader && subjectInHeader(certificateHeader, header, this.clock.now());
    const certifiedName = this.nameIn(subject);
    // A certificate is shown over TLS alone, also where the proxy does not say so.
    const secure = certifiedName !== undefined || saysTls(header(forwardedProto));
    return { remoteAddress: this.firstUnlisted(peer, header(forwardedFor)), secure, certifiedName };
  }

  /** From the right: each hop was added by the one before it, and only listed ones tell the truth. */
  private firstUnlisted(peer: string, list: string): string {
    let address = peer;
    const hops = list.split(",").map(addressIn);
    while (hops.length > 0 && this.isListed(address)) {
      const hop = hops.pop()!;
      if (isIP(hop) === 0) break;
      address = hop;
    }
    return address;
  }

  private nameIn(subject: Subject | undefined): string | undefined {
    return subject && this.options.organizations.includes(subject.organization) ? subject.commonName : undefined;
  }

  private isListed(address: string): boolean {
    const family = isIP(address);
    return family !== 0 && this.listed.check(address, family === 4 ? "ipv4" : "ipv6");
  }

  /** An attack, or a proxy that nobody has listed: then its stations are refused, and this says why. */
  private watchClaims({ forwarded }: UpgradeRequest, peer: string): void {
    if (!claims.some((name) => forwarded.has(name))) return;
    this.metrics.unbelieved();
    const now = this.clock.monotonic();
    if (now - this.warnedAt < warnEveryMs) return;
    this.warnedAt = now;
    this.logger.warn({ address: peer }, "hands on a station's certificate, but is no listed proxy: not believed");
  }
}

/** Several hops: all of them. */
function saysTls(proto: string): boolean {
  return proto !== "" && proto.split(",").every((one) => /^(?:https|wss)$/i.test(one.trim()));
}

/** Some proxies write the port with it. */
function addressIn(hop: string): string {
  const text = hop.trim();
  return /^\[([^\]]*)\](?::\d+)?$/.exec(text)?.[1] ?? /^([\d.]+):\d+$/.exec(text)?.[1] ?? text;
}

function networks(cidrs: readonly string[]): BlockList {
  const list = new BlockList();
  for (const cidr of cidrs) {
    const [address, bits] = cidr.split("/");
    const family = isIP(address!) === 4 ? "ipv4" : "ipv6";
    list.addSubnet(address!, Number(bits ?? (family === "ipv4" ? 32 : 128)), family);
  }
  return list;
}
