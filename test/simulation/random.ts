// One source of chance for a whole run: everything that is drawn follows from the seed.

/** sfc32: small, fast, and passes the usual batteries. */
export class Random {
  private a: number;
  private b: number;
  private c: number;
  private counter = 1;

  constructor(seed: number) {
    this.a = seed >>> 0;
    this.b = Math.floor(seed / 2 ** 32) ^ 0x9e3779b9;
    this.c = 0x2545f491;
    // Seeds that follow each other differ in few bits at first.
    for (let i = 0; i < 12; i++) this.next();
  }

  /** [0, 1) */
  readonly next = (): number => {
    const sum = (this.a + this.b + this.counter++) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = ((this.c << 21) | (this.c >>> 11)) + sum;
    this.c |= 0;
    return (sum >>> 0) / 2 ** 32;
  };

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  between(from: number, to: number): number {
    return from + this.next() * (to - from);
  }

  /** Whole, both ends included. */
  whole(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1));
  }

  pick<T>(of: readonly T[]): T {
    const one = of[Math.floor(this.next() * of.length)];
    if (one === undefined) throw new Error("nothing to pick from");
    return one;
  }

  /** Mostly near `typical`, now and then ten times as long. */
  delay(typical: number): number {
    return typical * (this.chance(0.05) ? this.between(1, 10) : this.between(0.2, 1.5));
  }

  uuid(): string {
    const hex = (digits: number): string =>
      Array.from({ length: digits }, () => Math.floor(this.next() * 16).toString(16)).join("");
    return `${hex(8)}-${hex(4)}-4${hex(3)}-${"89ab"[Math.floor(this.next() * 4)]!}${hex(3)}-${hex(12)}`;
  }
}
