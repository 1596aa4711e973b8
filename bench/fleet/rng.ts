/**
 * Seeded randomness (sfc32). `fork` derives an independent stream from labels alone, so what one station or session
 * draws does not depend on how many numbers its neighbours drew before it: that is what makes a seed reproduce a run
 * although the network's timing never repeats.
 */
export class Rng {
  readonly #path: string;
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number | string) {
    this.#path = String(seed);
    const hash = labelHash(this.#path);
    this.#a = hash();
    this.#b = hash();
    this.#c = hash();
    this.#d = hash();
    for (let i = 0; i < 12; i++) this.next();
  }

  fork(...labels: ReadonlyArray<string | number>): Rng {
    return new Rng(`${this.#path}/${labels.join("/")}`);
  }

  /** A number in [0, 1). */
  next(): number {
    const sum = (((this.#a + this.#b) | 0) + this.#d) | 0;
    this.#d = (this.#d + 1) | 0;
    this.#a = this.#b ^ (this.#b >>> 9);
    this.#b = (this.#c + (this.#c << 3)) | 0;
    this.#c = (((this.#c << 21) | (this.#c >>> 11)) + sum) | 0;
    return (sum >>> 0) / 4294967296;
  }

  /** An integer in [min, max], both included. */
  int(min: number, max: number): number {
    return min + Math.floor(this.next() * (max - min + 1));
  }

  chance(probability: number): boolean {
    return this.next() < probability;
  }

  pick<T>(items: readonly T[]): T {
    const item = items[this.int(0, items.length - 1)];
    if (item === undefined) throw new RangeError("pick needs at least one item");
    return item;
  }
}

/** xmur3: spreads a label over as many 32-bit words as are asked for. */
function labelHash(label: string): () => number {
  let h = 1779033703 ^ label.length;
  for (let i = 0; i < label.length; i++) {
    h = Math.imul(h ^ label.charCodeAt(i), 3432918353);
    h = (h << 13) | (h >>> 19);
  }
  return () => {
    h = Math.imul(h ^ (h >>> 16), 2246822507);
    h = Math.imul(h ^ (h >>> 13), 3266489909);
    h ^= h >>> 16;
    return h | 0;
  };
}
