// What a gateway knows of one WebSocket of one station. Memory counts here: there are fifty thousand of them, so rarely
// used parts are made when first used.
import { limits } from "../../core/config/limits.ts";
import type { ConnectionId, Epoch, PartyId, StationId } from "../../core/ids/ids.ts";
import type { Protocol } from "../../core/records/frame-record.ts";
import type { Lookups } from "../decide/lookups.ts";
import type { CommandLine } from "../commands/command-line.ts";
import type { CloseName } from "./close-codes.ts";
import type { Asking } from "./asking.ts";
import type { DuplicateWindow } from "./duplicates.ts";
import type { KnownAnswers } from "./known-answers.ts";
import type { Socket } from "./socket.ts";

/** What the upgrade settled. */
export interface Admitted {
  readonly id: ConnectionId;
  readonly party: PartyId;
  readonly station: StationId;
  /** Key and partition in `ocpp.frames`. */
  readonly key: string;
  readonly partition: number;
  readonly protocol: Protocol;
  readonly securityProfile: number;
  readonly remoteAddress: string;
  /** The key that it showed, as the registry keeps it; undefined: none was asked for. */
  readonly shownKey: string | undefined;
  /** Common name of the certificate that named it (profile 3); undefined: it showed none. */
  readonly certifiedName: string | undefined;
  readonly isRejected: boolean;
}

/** Rule I4: `connecting` until the receipt of `connected`, `open` until life was shown after it. */
export type ClaimState = "connecting" | "open" | "claiming" | "claimed";

export class Connection implements Admitted {
  readonly id: ConnectionId;
  readonly party: PartyId;
  readonly station: StationId;
  readonly key: string;
  readonly partition: number;
  readonly protocol: Protocol;
  readonly securityProfile: number;
  readonly remoteAddress: string;
  readonly shownKey: string | undefined;
  readonly certifiedName: string | undefined;
  /** Whether the registry rejects the station. */
  isRejected: boolean;
  /** Whether its last boot here was answered Pending or Rejected. */
  wasRefused = false;
  /** Actions that a command asked it for on this connection; made when first used. */
  invited: Set<string> | undefined;
  readonly socket: Socket;

  /** Of the next record (rule I2). */
  sequence = 0;
  epoch: Epoch | undefined;
  claim: ClaimState = "connecting";
  /** Resolves when the bus has answered the claim; a release must not overtake it. */
  claiming: Promise<unknown> | undefined;
  closed = false;
  /** Why we close it; set before the socket is ended, so that nothing is taken from it in between. */
  closing: CloseName | undefined;
  /** Monotonic ms, as all times here. */
  readonly openedAt: number;
  heardAt: number;
  pingedAt: number;
  /** CALLs that wait for the log. */
  pendingCalls = 0;
  /** Set by a drain: closed as soon as no CALL waits any more. */
  closeWhenAnswered = false;
  /** Token bucket. */
  tokens: number;
  tokensAt: number;
  duplicates: DuplicateWindow | undefined;
  commands: CommandLine | undefined;
  /** Made when first used, as is `asking`. */
  answers: KnownAnswers | undefined;
  /** What its transactions have cost, as somebody told last; made when first told. */
  costs: Map<string, number> | undefined;
  /** CALLs for which a roaming partner is being asked. */
  asking: Set<Asking> | undefined;
  lookups: Lookups | undefined;
  lookupsVersion = -1;

  constructor(admitted: Admitted, socket: Socket, now: number, tokens: number) {
    this.id = admitted.id;
    this.party = admitted.party;
    this.station = admitted.station;
    this.key = admitted.key;
    this.partition = admitted.partition;
    this.protocol = admitted.protocol;
    this.securityProfile = admitted.securityProfile;
    this.remoteAddress = admitted.remoteAddress;
    this.shownKey = admitted.shownKey;
    this.certifiedName = admitted.certifiedName;
    this.isRejected = admitted.isRejected;
    this.socket = socket;
    this.openedAt = now;
    this.heardAt = now;
    this.pingedAt = now;
    this.tokens = tokens;
    this.tokensAt = now;
  }

  /** Of a connection's transactions the last ones: what was told first goes. */
  tellCost(transactionId: string, totalCost: number): void {
    const costs = (this.costs ??= new Map());
    costs.delete(transactionId);
    costs.set(transactionId, totalCost);
    if (costs.size > limits.connectionCosts) costs.delete(costs.keys().next().value ?? "");
  }

  /** Whether anything may still be taken from it or written to it. */
  get usable(): boolean {
    return !this.closed && this.closing === undefined;
  }

  /**
   * Whether what it has said still goes into the log, answered or not: a station that answers a Reset closes at once, and
   * what needs no answer is not said again (promise 6). Not once the log has given up on one of its frames: its later ones
   * would stand there without the earlier, and the station, unanswered, says them all again.
   */
  get isHeard(): boolean {
    return this.closing !== "logUnavailable";
  }

  /** Counted by close codes; what the metric `ocpp_gateway_connections` calls it. */
  get profileLabel(): string {
    return String(this.securityProfile);
  }
}
