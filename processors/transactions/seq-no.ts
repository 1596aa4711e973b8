// Sequence numbers seen, as [first, last] ranges in order: one range means that nothing is missing.

export type Ranges = readonly (readonly [number, number])[];

export function isSeen(ranges: Ranges, number: number): boolean {
  return ranges.some(([first, last]) => first <= number && number <= last);
}

/** -1 where none was seen. */
export function highestOf(ranges: Ranges): number {
  return ranges.at(-1)?.[1] ?? -1;
}

/** @param max ranges; beyond it the two lowest become one, and the gap between them is forgotten, not the later ones. */
export function withNumber(ranges: Ranges, number: number, max: number): Ranges {
  const last = ranges.at(-1);
  // The usual case first: the next one.
  if (last && number === last[1] + 1) return [...ranges.slice(0, -1), [last[0], number]];
  if (isSeen(ranges, number)) return ranges;
  const sorted = [...ranges, [number, number] as const].sort((a, b) => a[0] - b[0]);
  const joined: [number, number][] = [];
  for (const [first, end] of sorted) {
    const before = joined.at(-1);
    if (before && before[1] + 1 === first) before[1] = end;
    else joined.push([first, end]);
  }
  // Two ranges stay two at least: a forgotten gap must not look like none.
  while (joined.length > Math.max(2, max)) joined.splice(0, 2, [joined[0]![0], joined[1]![1]]);
  return joined;
}
