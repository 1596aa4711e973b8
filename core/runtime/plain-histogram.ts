// A histogram without labels, for what happens with every frame: prom-client takes a third of a microsecond for a value
// there (labels, a map by their text, a bucket looked up by its number as a text), this one some nanoseconds. The client's
// registry takes it as a metric like any other; a test holds the text of both together.

export interface PlainHistogramOptions {
  readonly name: string;
  readonly help: string;
  /** Upper bounds, rising; what is above the last counts for all the same. */
  readonly buckets: readonly number[];
}

interface Sample {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

export class PlainHistogram {
  readonly name: string;
  readonly help: string;
  private readonly bounds: readonly number[];
  /** One more than there are bounds. */
  private readonly counts: Float64Array;
  private sum = 0;

  constructor({ name, help, buckets }: PlainHistogramOptions) {
    this.name = name;
    this.help = help;
    this.bounds = buckets;
    this.counts = new Float64Array(buckets.length + 1);
  }

  observe(value: number): void {
    const { bounds, counts } = this;
    let bucket = 0;
    while (bucket < bounds.length && value > bounds[bucket]!) bucket++;
    counts[bucket] = counts[bucket]! + 1;
    this.sum += value;
  }

  /** What the client's registry asks for at a scrape. */
  get() {
    const { name, help } = this;
    const samples: Sample[] = [];
    let count = 0;
    for (const [bucket, le] of [...this.bounds, "+Inf"].entries()) {
      count += this.counts[bucket]!;
      samples.push({ metricName: `${name}_bucket`, labels: { le }, value: count });
    }
    samples.push({ metricName: `${name}_sum`, labels: {}, value: this.sum });
    samples.push({ metricName: `${name}_count`, labels: {}, value: count });
    return { name, help, type: "histogram", values: samples, aggregator: "sum" };
  }
}
