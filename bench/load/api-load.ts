// Commands through REST at a fixed rate, whatever the answers take (open loop): a request that waits for a slow one
// would hide what a caller sees.
import { Agent, request } from "node:http";

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
  const agent = new Agent({ keepAlive: true, maxSockets: 512 });
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
      open.push(timed(agent, load, n, latencies, failures));
    }
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  await Promise.all(open);
  agent.destroy();
  return { latency: latencyOf(latencies), failures, latePercent: (late * 100) / total };
}

/** Measured from when it leaves: Node's timers are a millisecond coarse, and what is worse than that counts as late. */
async function timed(agent: Agent, load: ApiLoad, n: number, latencies: Samples, failures: string[]): Promise<void> {
  const station = load.stations[n % load.stations.length]!;
  const from = performance.now();
  try {
    const { status, text } = await post(agent, load, station);
    const outcome = status === 202 && (JSON.parse(text) as { readonly outcome?: unknown }).outcome;
    if (outcome === "accepted") latencies.add(performance.now() - from);
    else failures.push(`${station}: ${status} ${text.slice(0, 200)}`);
  } catch (error) {
    failures.push(`${station}: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function post(agent: Agent, { url, token }: ApiLoad, station: string): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const headers = {
      authorization: `Bearer ${token}`,
      "content-type": "application/json",
      "content-length": Buffer.byteLength(body),
    };
    const sent = request(
      `${url}/api/v1/stations/${station}/commands?wait=${waitSeconds}`,
      { agent, method: "POST", headers },
      (response) => {
        let text = "";
        response.setEncoding("utf8");
        response.on("data", (part: string) => (text += part));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
        response.on("error", reject);
      },
    );
    sent.on("error", reject);
    sent.end(body);
  });
}
