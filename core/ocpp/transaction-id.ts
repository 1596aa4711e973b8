// The transactionId that a 1.6 station is given: an alias on the wire, computed without state, so that any node gives
// the same one to a repeated StartTransaction and the fold knows it as well (rule I5).

/** What of a StartTransaction names it. Unreadable members count as absent: even a broken start gets an id. */
export interface StartIdentity {
  readonly connectorId?: unknown;
  readonly idTag?: unknown;
  readonly timestamp?: unknown;
  readonly meterStart?: unknown;
}

const offsetBasis = 0x811c9dc5;
const prime = 0x01000193;

/**
 * FNV-1a over the four members, folded to 31 bits.
 *
 * @returns 1 … 2^31-1: never 0, which stations use for "none", and never negative, which some keep for their own.
 */
export function transactionIdOf(start: StartIdentity): number {
  // JSON text keeps 1 and "1" apart, and members cannot run into each other.
  const text = JSON.stringify([
    start.connectorId ?? null,
    start.idTag ?? null,
    start.timestamp ?? null,
    start.meterStart ?? null,
  ]);
  let hash = offsetBasis;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    hash = Math.imul(hash ^ (unit & 0xff), prime);
    hash = Math.imul(hash ^ (unit >>> 8), prime);
  }
  // FNV's last bytes hardly reach the high bits: one more mixing, or starts that differ in meterStart alone collide.
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, 0xc2b2ae35);
  hash ^= hash >>> 16;
  const folded = hash & 0x7fffffff;
  return folded === 0 ? 1 : folded;
}
