// How far a rebuild is, and how long it still takes at the pace of this run.
import { offsetWithin } from "../../core/log/generations.ts";
import type { FoldPlace } from "../../core/store/table-sets.ts";

export interface RebuildProgress {
  readonly doing: string;
  /** Of all partitions together, 0 to 100. */
  readonly percent: number;
  readonly recordsPerSecond: number;
  /** null: nothing was folded yet. */
  readonly secondsLeft: number | null;
}

interface Stand {
  next: number;
  end: number;
}

export class ProgressOfRebuild {
  private readonly stands = new Map<string, Stand>();
  private readonly now: () => number;
  private readonly tell: (progress: RebuildProgress) => void;
  private folded = 0;
  private ms = 0;

  constructor(tell: (progress: RebuildProgress) => void, now: () => number = () => performance.now()) {
    this.tell = tell;
    this.now = now;
  }

  expect(place: FoldPlace, next: number, end: number): void {
    this.stands.set(nameOf(place), { next, end });
  }

  /** Time counts while records are folded, not while tables are compared. */
  async measure(place: FoldPlace, fold: (onStep: (next: number) => void) => Promise<void>): Promise<void> {
    let last = this.now();
    await fold((next) => {
      const now = this.now();
      this.ms += now - last;
      last = now;
      this.step(place, next);
    });
  }

  say(doing: string): void {
    const left = this.sum(({ next, end }) => end - next);
    const all = this.sum(({ end }) => offsetWithin(end));
    const pace = this.ms > 0 ? this.folded / this.ms : 0;
    this.tell({
      doing,
      percent: all === 0 ? 100 : Math.floor((100 * (all - left)) / all),
      recordsPerSecond: Math.round(pace * 1_000),
      secondsLeft: pace > 0 ? Math.ceil(left / pace / 1_000) : null,
    });
  }

  private step(place: FoldPlace, next: number): void {
    const stand = this.stands.get(nameOf(place)) ?? { next, end: next };
    this.folded += next - stand.next;
    const end = Math.max(stand.end, next);
    this.stands.set(nameOf(place), { next, end });
    const [done, all] = [offsetWithin(next), offsetWithin(end)];
    const share = all === 0 ? 100 : Math.floor((100 * done) / all);
    this.say(`${place.topic} partition ${place.partition}: ${next} of ${end} (${share} %)`);
  }

  private sum(of: (stand: Stand) => number): number {
    return [...this.stands.values()].reduce((sum, stand) => sum + of(stand), 0);
  }
}

function nameOf({ topic, partition }: FoldPlace): string {
  return `${topic}/${partition}`;
}
