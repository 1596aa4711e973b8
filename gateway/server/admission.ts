// The upgrade's decision, in the order of cost: this node, the registry, the identity, the partition, the credentials,
// the subprotocol. What is only temporary is 503 with Retry-After, never a "no" (rule R3).
import { limits } from "../../core/config/limits.ts";
import { logKey, newConnectionId, type PartyId } from "../../core/ids/ids.ts";
import { partitionOf } from "../../core/log/partition.ts";
import type { Protocol } from "../../core/records/frame-record.ts";
import type { StationDoc } from "../../core/registry/entities.ts";
import type { Node } from "../connection/node.ts";
import { checkCredentials, type CredentialsVerdict } from "./credentials.ts";
import { FailedAttempts } from "./failed-attempts.ts";
import { identityOf, type Directory, type Identity } from "./identity.ts";
import type { Origins } from "./origin.ts";
import type { RegistryWriter } from "./registry-writer.ts";
import type { UpgradeAnswer, UpgradeRequest } from "./server.ts";
import { chooseSubprotocol } from "./subprotocol.ts";

type Refused = Exclude<CredentialsVerdict, { readonly type: "admitted" }>;

export interface AdmissionOptions {
  readonly party: PartyId;
  readonly noSubprotocol: "reject" | "ocpp1.6";
}

/** Jitter: a fleet that was refused together must not come back together. */
const shortestRetrySeconds = 5;
const retrySpreadSeconds = 20;

const oldKeyAlertMs = 24 * 3_600_000;

function showedOldKey({ previousPassword }: StationDoc, shownKey: string | undefined): boolean {
  return shownKey !== undefined && previousPassword?.hmac === shownKey;
}

export class Admission {
  private readonly node: Node;
  private readonly directory: Directory;
  private readonly writer: RegistryWriter;
  private readonly origins: Origins;
  private readonly options: AdmissionOptions;
  private readonly partitions: number;
  private readonly failures: FailedAttempts;
  /** Why nobody is let in; undefined: open. */
  private shut: string | undefined;

  constructor(
    node: Node,
    { directory, writer, origins }: { directory: Directory; writer: RegistryWriter; origins: Origins },
    options: AdmissionOptions,
    partitions: number,
  ) {
    this.node = node;
    this.directory = directory;
    this.writer = writer;
    this.origins = origins;
    this.options = options;
    this.partitions = partitions;
    this.failures = new FailedAttempts(node.clock);
  }

  close(): void {
    this.shut = "This node restarts.";
  }

  decide(request: UpgradeRequest): UpgradeAnswer {
    const { node } = this;
    if (this.shut !== undefined) return this.later("draining", this.shut);
    if (node.registry.state !== "following") return this.later("registryBehind", "The registry is not read yet.");
    if (node.table.size >= limits.connectionsPerNode) return this.later("full", "This node is full.");
    const asked = identityOf(request.path, this.options.party, (party) => this.isParty(party));
    if (asked === undefined)
      return this.refuse("badIdentity", "404 Not Found", "The path must end in a station's identity.");
    const { party } = asked;
    const station = this.directory.spelled(party, asked.station);
    const key = logKey(party, station);
    const partition = partitionOf(key, this.partitions);
    if (node.appender.isSick(partition))
      return this.later("logUnavailable", "Messages cannot be stored at the moment.");
    const found = node.registry.find(party, "station", station);
    const origin = this.origins.of(request);
    const { remoteAddress } = origin;
    const refused = found === undefined ? this.refuseUnknown(asked, request, key, remoteAddress) : undefined;
    if (refused) return refused;
    if (this.failures.isBlocked(remoteAddress, key)) return this.tooManyFailures();
    const verdict = checkCredentials(request.authorization, asked.station, found?.doc, origin);
    if (verdict.type !== "admitted") return this.failed(remoteAddress, key, found !== undefined, verdict);
    if (verdict.securityProfile > 0) this.failures.authenticated(remoteAddress, key);
    const spoken = this.subprotocol(request.subprotocols);
    if (spoken === undefined) {
      node.metrics.upgraded("noSubprotocol");
      return { type: "acceptThenClose", close: "noSubprotocol" };
    }
    this.remember({ party, station }, found, verdict.endsPreviousPassword);
    node.metrics.upgraded("accepted");
    if (found && showedOldKey(found.doc, verdict.shownKey)) this.watchOldKey(key, found.doc);
    const id = newConnectionId();
    const { protocol, header } = spoken;
    const { securityProfile, shownKey, certifiedName } = verdict;
    const shown = { securityProfile, remoteAddress, shownKey, certifiedName };
    const isRejected = found?.doc.acceptance === "rejected";
    return {
      type: "accept",
      subprotocol: header,
      admitted: { id, party, station, key, partition, protocol, ...shown, isRejected },
      headers: [["X-Wattlog-Connection", id]],
    };
  }

  /** ocpp.md, basic auth: an old key that is still in use a day after its rotation is an alert, not a lock-out. */
  private watchOldKey(key: string, { passwordChangedAt }: StationDoc): void {
    const { clock, metrics, logger } = this.node;
    if (passwordChangedAt === undefined || clock.now() - passwordChangedAt < oldKeyAlertMs) return;
    metrics.oldKeyUsed();
    logger.warn({ station: key, changedAt: new Date(passwordChangedAt).toISOString() }, "signs in with its old key");
  }

  private isParty(party: PartyId): boolean {
    return party === this.options.party || this.directory.isParty(party);
  }

  private subprotocol(offered: string): { readonly protocol: Protocol; readonly header: string } | undefined {
    const chosen = chooseSubprotocol(offered);
    if (chosen.type === "chosen") return chosen;
    if (chosen.type === "noneOffered" && this.options.noSubprotocol === "ocpp1.6") {
      return { protocol: "ocpp1.6", header: "" };
    }
    return undefined;
  }

  private refuseUnknown(
    { party }: Identity,
    request: UpgradeRequest,
    key: string,
    remoteAddress: string,
  ): UpgradeAnswer | undefined {
    const policy = this.node.lookups.unknownStations(party);
    if (policy === "pending" && this.directory.pending >= limits.pendingStations)
      return this.later("tooManyPending", "Too many stations wait for approval.");
    if (policy !== "reject") return undefined;
    // With credentials it gets what a wrong password gets: guessing tells nothing about which stations exist.
    if (request.authorization !== "")
      return this.failed(remoteAddress, key, false, { type: "refused", reason: "unknown" });
    if (this.isOneTooMany(remoteAddress, key, false)) return this.tooManyFailures();
    return this.refuse("unknownStation", "404 Not Found", "No such station.");
  }

  private failed(address: string, key: string, isRegistered: boolean, verdict: Refused): UpgradeAnswer {
    // It showed who it is; the transport is what is wrong.
    if (verdict.type === "profileTooLow") return this.refuseCredentials(verdict);
    return this.isOneTooMany(address, key, isRegistered) ? this.tooManyFailures() : this.refuseCredentials(verdict);
  }

  private isOneTooMany(address: string, key: string, isRegistered: boolean): boolean {
    const isSpent = this.failures.isSpent(address);
    this.failures.failed(address, key, isRegistered);
    return isSpent;
  }

  private tooManyFailures(): UpgradeAnswer {
    return this.later("tooManyFailures", "Too many failed attempts.", "429 Too Many Requests");
  }

  private refuseCredentials(verdict: Refused): UpgradeAnswer {
    if (verdict.type === "profileTooLow") {
      this.node.metrics.refusedCredentials("profileTooLow");
      const sentence = `Security profile ${verdict.required} is required.`;
      return this.refuse("profileTooLow", "403 Forbidden", sentence);
    }
    this.node.metrics.refusedCredentials(verdict.reason);
    this.node.metrics.upgraded("unauthorized");
    return {
      type: "refuse",
      status: "401 Unauthorized",
      headers: [["WWW-Authenticate", 'Basic realm="ocpp", charset="UTF-8"']],
      body: "Wrong or missing credentials.\n",
    };
  }

  /** Not waited for: the station is served as policy says, and the registry learns of it (rule R3). */
  private remember(
    { party, station }: Identity,
    found: { readonly doc: StationDoc; readonly version: number } | undefined,
    endsPreviousPassword: boolean,
  ): void {
    if (found === undefined) {
      const acceptance = this.node.lookups.unknownStations(party) === "accept" ? "accepted" : "pending";
      this.writer.register(party, station, acceptance);
    } else if (endsPreviousPassword) {
      this.writer.endPreviousPassword(party, found.doc, found.version);
    }
  }

  private later(result: string, sentence: string, status = "503 Service Unavailable"): UpgradeAnswer {
    this.node.metrics.upgraded(result);
    const seconds = Math.round(shortestRetrySeconds + this.node.random() * retrySpreadSeconds);
    return {
      type: "refuse",
      status,
      headers: [["Retry-After", String(seconds)]],
      body: `${sentence} Come back in ${seconds} s.\n`,
    };
  }

  private refuse(result: string, status: string, sentence: string): UpgradeAnswer {
    this.node.metrics.upgraded(result);
    return { type: "refuse", status, headers: [], body: `${sentence}\n` };
  }
}
