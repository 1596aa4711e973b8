// Sets of moments as ordered, disjoint spans of epoch ms; the end is exclusive. Pure.

export type Span = readonly [from: number, to: number];
/** Ordered, disjoint, none empty. */
export type Spans = readonly Span[];

/** @param spans in any order, overlapping or empty as they come */
export function spansOf(spans: Iterable<Span>): Spans {
  const ordered = [...spans].filter(([from, to]) => to > from).sort((a, b) => a[0] - b[0]);
  const joined: [number, number][] = [];
  for (const [from, to] of ordered) {
    const last = joined.at(-1);
    if (last && from <= last[1]) last[1] = Math.max(last[1], to);
    else joined.push([from, to]);
  }
  return joined;
}

export function union(...sets: readonly Spans[]): Spans {
  return spansOf(sets.flat());
}

export function intersection(a: Spans, b: Spans): Spans {
  const common: Span[] = [];
  let [i, j] = [0, 0];
  while (i < a.length && j < b.length) {
    const [one, other] = [a[i]!, b[j]!];
    const span: Span = [Math.max(one[0], other[0]), Math.min(one[1], other[1])];
    if (span[1] > span[0]) common.push(span);
    if (one[1] < other[1]) i++;
    else j++;
  }
  return common;
}

export function without(a: Spans, b: Spans): Spans {
  const left: Span[] = [];
  for (const [from, to] of a) {
    let at = from;
    for (const [start, end] of b) {
      if (end <= at) continue;
      if (start >= to) break;
      if (start > at) left.push([at, start]);
      at = Math.max(at, end);
    }
    if (at < to) left.push([at, to]);
  }
  return left;
}

/** In ms. */
export function lengthOf(spans: Spans): number {
  return spans.reduce((sum, [from, to]) => sum + to - from, 0);
}
