// Energy as registers show it, in integer milliwatt-hours.

const mwhPerUnit: Readonly<Record<string, number>> = { wh: 1_000, kwh: 1_000_000, mwh: 1_000_000_000 };

/**
 * Exact for every register below 9 TWh with three decimals of a watt-hour: the double nearest to the decimal, times a
 * power of ten, rounds to the right integer.
 * @param unit `Wh`, `kWh` or `MWh` in any case.
 * @returns null where it is no energy that a register can show.
 */
export function mwhOf(number: number, unit: string, multiplier = 0): number | null {
  const factor = mwhPerUnit[unit.toLowerCase()];
  if (!Number.isFinite(number) || number < 0 || factor === undefined) return null;
  const mwh = Math.round(number * factor * 10 ** multiplier);
  return Number.isSafeInteger(mwh) ? mwh : null;
}
