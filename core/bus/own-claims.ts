// What this process owns, as its sockets say: the truth that a bus on a server is rebuilt from.
import { limits } from "../config/limits.ts";
import type { Claim } from "./bus.ts";
import { OwnershipTable } from "./ownership.ts";

export interface ClaimRegistrar {
  claim(claim: Claim): Promise<"current" | "superseded">;
  release(claim: Claim): Promise<void>;
  look(claim: Claim): Promise<"held" | "gone" | "other">;
}

/** So many of them are looked up at each renewal, to notice that some were lost without a sign. */
const sampled = 16;
/** Of sockets that closed while the server was away; what is beyond is found stale by whoever asks, or expires. */
const mostReleases = 50_000;

export class OwnClaims {
  private readonly registrar: ClaimRegistrar;
  private readonly superseded: (claim: Claim) => void;
  /** By party and station: bounded by the connections of a node. */
  private readonly live = new Map<string, Claim>();
  private readonly releases = new Map<string, Claim>();

  /** @param superseded is told of a claim that was current when it was made, and is not any more. */
  constructor(registrar: ClaimRegistrar, superseded: (claim: Claim) => void) {
    this.registrar = registrar;
    this.superseded = superseded;
  }

  add(claim: Claim): void {
    const key = OwnershipTable.key(claim.party, claim.station);
    // The newest is the last of them, where the sample looks first: a failover loses what was written last.
    this.live.delete(key);
    this.live.set(key, claim);
    this.releases.delete(key);
  }

  drop(claim: Claim): void {
    const key = OwnershipTable.key(claim.party, claim.station);
    if (this.live.get(key)?.connectionId === claim.connectionId) this.live.delete(key);
  }

  /** @throws what the registrar throws; the release is then made up for with the next registration. */
  async release(claim: Claim): Promise<void> {
    this.drop(claim);
    try {
      await this.registrar.release(claim);
    } catch (error) {
      const key = OwnershipTable.key(claim.party, claim.station);
      if (!this.live.has(key) && this.releases.size < mostReleases) this.releases.set(key, claim);
      throw error;
    }
  }

  /** Looks some of them up; one that another node has overtaken unheard is settled at once. */
  async someAreGone(): Promise<boolean> {
    const all = [...this.live.values()];
    const newest = all.slice(-sampled / 2);
    const others = Array.from(
      { length: Math.min(sampled / 2, all.length) },
      () => all[Math.floor(Math.random() * all.length)]!,
    );
    const looks = [...new Set([...newest, ...others])].map(async (claim) => {
      const found = await this.registrar.look(claim);
      if (found === "other") await this.register(claim);
      return found === "gone" && this.live.has(OwnershipTable.key(claim.party, claim.station));
    });
    return (await Promise.all(looks)).includes(true);
  }

  /** Some at a time; a claim that another node has overtaken meanwhile is told to its own. */
  async registerAll(): Promise<void> {
    await this.inGroups([...this.releases.values()], async (claim) => {
      await this.registrar.release(claim);
      this.releases.delete(OwnershipTable.key(claim.party, claim.station));
    });
    await this.inGroups([...this.live.values()], (claim) => this.register(claim));
  }

  private async register(claim: Claim): Promise<void> {
    if (this.live.get(OwnershipTable.key(claim.party, claim.station)) !== claim) return;
    if ((await this.registrar.claim(claim)) === "current") return;
    this.drop(claim);
    this.superseded(claim);
  }

  private async inGroups(claims: readonly Claim[], work: (claim: Claim) => Promise<void>): Promise<void> {
    for (let at = 0; at < claims.length; at += limits.busRegisterAtOnce) {
      await Promise.all(claims.slice(at, at + limits.busRegisterAtOnce).map(work));
    }
  }
}
