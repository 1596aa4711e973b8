// Token buckets of failed authentications (reliability.md, storms). A whole fleet may share one address, so an address is
// charged only for identities that nobody registered, and whoever showed its key lately is never blocked.
import { limits } from "../../core/config/limits.ts";
import { Buckets } from "../../core/runtime/buckets.ts";
import type { Clock } from "../../core/runtime/clock.ts";

export class FailedAttempts {
  private readonly clock: Clock;
  private readonly addresses = new Buckets(
    limits.authFailuresPerAddressBurst,
    limits.authFailuresPerAddressPerMinute,
    limits.authFailuresRemembered,
  );
  private readonly pairs = new Buckets(
    limits.authFailuresPerIdentityBurst,
    limits.authFailuresPerIdentityPerMinute,
    limits.authFailuresRemembered,
  );
  /** Log key -> monotonic ms. */
  private readonly lately = new Map<string, number>();

  constructor(clock: Clock) {
    this.clock = clock;
  }

  /** Whether the key that it shows is not worth a look. @param station its log key. */
  isBlocked(address: string, station: string): boolean {
    const now = this.clock.monotonic();
    if (!this.pairs.isSpent(pairOf(address, station), now)) return false;
    const at = this.lately.get(station);
    return at === undefined || now - at > limits.authenticatedLatelyMs;
  }

  /** Whether the address has failed so often that a failure is told no reason: not even which stations exist. */
  isSpent(address: string): boolean {
    return this.addresses.isSpent(networkOf(address), this.clock.monotonic());
  }

  failed(address: string, station: string, isRegistered: boolean): void {
    const now = this.clock.monotonic();
    if (isRegistered) this.pairs.take(pairOf(address, station), now);
    else this.addresses.take(networkOf(address), now);
  }

  authenticated(address: string, station: string): void {
    this.pairs.forget(pairOf(address, station));
    this.lately.delete(station);
    this.lately.set(station, this.clock.monotonic());
    if (this.lately.size > limits.connectionsPerNode) this.lately.delete(this.lately.keys().next().value!);
  }
}

function pairOf(address: string, station: string): string {
  return `${networkOf(address)} ${station}`;
}

const mappedV4 = /^(?:0{1,4}:){5}ffff:/i;

/** An IPv6 customer has a /64 at least: its host part can be chosen at will. */
function networkOf(address: string): string {
  if (!address.includes(":") || mappedV4.test(address)) return address;
  return address.split(":").slice(0, 4).join(":");
}
