// When the next tick of each station is due (rule T2): a heap with lazy deletion over what the states say.

export interface Due {
  readonly party: string;
  readonly station: string;
  readonly dueAt: number;
}

interface Entry extends Due {
  readonly key: string;
}

export class DueIndex {
  /** Station -> its earliest timer. */
  private readonly byStation = new Map<string, Entry>();
  private readonly heap: Entry[] = [];
  /** Ticks that are asked for and not folded: none is asked for twice. */
  private readonly asked = new Map<string, number>();

  get size(): number {
    return this.byStation.size;
  }

  /** @param dueAt null: no timer any more. */
  set(party: string, station: string, dueAt: number | null): void {
    const key = `${party}/${station}`;
    const before = this.byStation.get(key);
    if (before?.dueAt === dueAt) return;
    this.asked.delete(key);
    if (dueAt === null) {
      this.byStation.delete(key);
      return;
    }
    const entry = { party, station, dueAt, key };
    this.byStation.set(key, entry);
    this.push(entry);
  }

  /** Earliest timer that no tick was asked for. */
  next(): number | undefined {
    this.clean();
    return this.heap[0]?.dueAt;
  }

  /** Those due at `now`, at most `max`; each is given once for its due time. */
  take(now: number, max: number): readonly Due[] {
    const due: Due[] = [];
    while (due.length < max) {
      this.clean();
      const first = this.heap[0];
      if (!first || first.dueAt > now) break;
      this.pop();
      this.asked.set(first.key, first.dueAt);
      due.push(first);
    }
    return due;
  }

  /** Drops entries that were replaced or asked for. */
  private clean(): void {
    for (;;) {
      const first = this.heap[0];
      if (!first) return;
      if (this.byStation.get(first.key) === first && this.asked.get(first.key) !== first.dueAt) return;
      this.pop();
    }
  }

  private push(entry: Entry): void {
    const { heap } = this;
    let at = heap.push(entry) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]!.dueAt <= entry.dueAt) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
  }

  private pop(): void {
    const { heap } = this;
    const last = heap.pop();
    if (!last || heap.length === 0) return;
    let at = 0;
    for (;;) {
      let child = at * 2 + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && heap[child + 1]!.dueAt < heap[child]!.dueAt) child += 1;
      if (heap[child]!.dueAt >= last.dueAt) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
  }
}
