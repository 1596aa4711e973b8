// Who holds which station (rule I4), as a pure table: only a higher epoch displaces, and only the very epoch that
// holds a station can give it up.
import type { Epoch, PartyId, StationId } from "../ids/ids.ts";
import type { Claim } from "./bus.ts";

export interface ClaimVerdict {
  readonly verdict: "current" | "superseded";
  /** The connection that lost the station to this claim. */
  readonly displaced: Claim | undefined;
}

export class OwnershipTable {
  /** By party and station: bounded by the stations that are connected. */
  private readonly claims = new Map<string, Claim>();

  /** A station's identity cannot hold a slash. */
  static key(party: PartyId, station: StationId): string {
    return `${party}/${station}`;
  }

  claim(claim: Claim): ClaimVerdict {
    const key = OwnershipTable.key(claim.party, claim.station);
    const held = this.claims.get(key);
    if (held) {
      const order = compareEpochs(claim.epoch, held.epoch);
      // The same claim again, as after a reconnect to the bus, is no news.
      if (order === 0 && held.connectionId === claim.connectionId) return { verdict: "current", displaced: undefined };
      if (order <= 0) return { verdict: "superseded", displaced: undefined };
    }
    this.claims.set(key, claim);
    return { verdict: "current", displaced: held };
  }

  release(claim: Claim): void {
    const key = OwnershipTable.key(claim.party, claim.station);
    const held = this.claims.get(key);
    if (held && compareEpochs(held.epoch, claim.epoch) === 0) this.claims.delete(key);
  }

  owner(party: PartyId, station: StationId): Claim | undefined {
    return this.claims.get(OwnershipTable.key(party, station));
  }

  clear(): void {
    this.claims.clear();
  }
}

function compareEpochs(a: Epoch, b: Epoch): number {
  return a.generation - b.generation || a.offset - b.offset;
}
