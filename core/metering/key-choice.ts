// The register of public keys: which of a station's keys are for a signed value.
import type { MeterKeysDoc } from "../registry/entities.ts";
import type { SignedValue } from "./signed-value.ts";

/** @param at when the value was taken, epoch ms: a meter that was swapped has another key from then on. */
export function keysFor(
  doc: MeterKeysDoc | undefined,
  { says }: SignedValue,
  evseId: number,
  at: number,
): readonly string[] {
  const isFrom = (time: string | undefined) => time === undefined || at >= Date.parse(time);
  const isUntil = (time: string | undefined) => time === undefined || at < Date.parse(time);
  return (doc?.keys ?? [])
    .filter(({ evseId: of, meter, validFrom, validUntil }) => {
      // Where no message has said the EVSE yet, the meter's own number and the signature have to do.
      const isHere = of === undefined || evseId === 0 || of === evseId;
      const isMeters = meter === undefined || meter.toUpperCase() === says?.meter?.toUpperCase();
      return isHere && isMeters && isFrom(validFrom) && isUntil(validUntil);
    })
    .map(({ publicKey }) => publicKey);
}
