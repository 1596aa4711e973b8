// Commands through REST at a fixed rate, whatever the answers take (open loop): a request that waits for a slow one
// would hide what a caller sees.
import { HttpPool, type HttpAnswer } from "./http-client.ts";
import { latencyOf, Samples, type Latency } from "./samples.ts";

export interface ApiLoad {
  readonly url: string;
  readonly token: string;
  /** Commands go to these in turn. */
  readonly stations: readonly string[];
  readonly perSecond: number;
  readonly seconds: number;
}

export interface ApiLoaded {
  readonly latency: Latency;
  /** Answers that were not 202 with the outcome accepted, each in a sentence. */
  readonly failures: readonly string[];
  /** Requests that left so much later than planned that the generator, not the server, was the bottleneck. */
  readonly latePercent: number;
}

const body = JSON.stringify({ action: "ClearCache", payload: {} });
const lateMs = 20;
const waitSeconds = 10;

export async function loadApi(load: ApiLoad): Promise<ApiLoaded> {
  const pool = new HttpPool(load.url);
  const latencies = new Samples();
  const failures: string[] = [];
  const open: Promise<void>[] = [];
  const total = load.perSecond * load.seconds;
  const started = performance.now();
  const dueAt = (n: number): number => started + (n * 1000) / load.perSecond;
  let late = 0;
  for (let n = 0; n < total;) {
    const now = performance.now();
    for (; n < total && dueAt(n) <= now; n++) {
      if (now - dueAt(n) > lateMs) late++;
      open.push(timed(pool, load, n, latencies, failures));
    }
    // Waking up for nothing costs the cores that are measured.
    await new Promise((resolve) => setTimeout(resolve, Math.max(1, Math.floor(dueAt(n) - performance.now()))));
  }
  await Promise.all(open);
  pool.close();
  return { latency: latencyOf(latencies), failures, latePercent: (late * 100) / total };
}

/** Measured from when it leaves: Node's timers are a millisecond coarse, and what is worse than that counts as late. */
async function timed(pool: HttpPool, load: ApiLoad, n: number, latencies: Samples, failures: string[]): Promise<void> {
  const station = load.stations[n % load.stations.length]!;
  const from = performance.now();
  try {
    const { status, text } = await post(pool, load, station);
    const outcome = status === 202 && (JSON.parse(text) as { readonly outcome?: unknown }).outcome;
    if (outcome === "accepted") latencies.add(performance.now() - from);
    else failures.push(`${station}: ${status} ${text.slice(0, 200)}`);
  } catch (error) {
    failures.push(`${station}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function post(pool: HttpPool, { token }: ApiLoad, station: string): Promise<HttpAnswer> {
  const head = [
    `POST /api/v1/stations/${station}/commands?wait=${waitSeconds} HTTP/1.1`,
    `host: ${pool.host}`,
    `authorization: Bearer ${token}`,
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
  ];
  return pool.ask(Buffer.from(`${head.join("\r\n")}\r\n\r\n${body}`));
}
