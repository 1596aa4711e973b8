import { addCounts, Histogram, newCounts } from "./counters.ts";
import type { Counts } from "./counters.ts";
import type { Snapshot } from "./fleet.ts";
import type { SimulateOptions } from "./options.ts";

/** What a run came to; `--json` prints it. */
export interface Summary extends Counts {
  /** Every station was accepted, every message got its answer, and every command asked for ended. */
  readonly ok: boolean;
  readonly stations: number;
  readonly protocol: string;
  readonly seed: number;
  readonly seconds: number;
  readonly unanswered: number;
  readonly commandsPending: number;
  readonly notAccepted: number;
  readonly framesPerSecond: number;
  readonly latencyMs: { readonly p50: number; readonly p99: number; readonly max: number };
}

export function mergeSnapshots(parts: readonly Snapshot[]): Snapshot {
  const counts = newCounts();
  const latency = new Histogram();
  const sum = { connected: 0, charging: 0, unanswered: 0, commandsPending: 0, notAccepted: 0 };
  for (const part of parts) {
    addCounts(counts, part.counts);
    latency.merge({ buckets: part.latencyBuckets, maxMs: part.latencyMaxMs });
    sum.connected += part.connected;
    sum.charging += part.charging;
    sum.unanswered += part.unanswered;
    sum.commandsPending += part.commandsPending;
    sum.notAccepted += part.notAccepted;
  }
  return { ...sum, counts, latencyBuckets: latency.buckets, latencyMaxMs: latency.maxMs };
}

export function summarize(options: SimulateOptions, last: Snapshot, seconds: number): Summary {
  const latency = new Histogram(last.latencyBuckets, last.latencyMaxMs);
  const { counts, unanswered, commandsPending, notAccepted } = last;
  return {
    ok: notAccepted === 0 && unanswered === 0 && commandsPending === 0 && counts.discarded === 0,
    stations: options.stations,
    protocol: options.protocol,
    seed: options.seed,
    seconds: round(seconds, 1),
    ...counts,
    unanswered,
    commandsPending,
    notAccepted,
    framesPerSecond: Math.round(counts.callsSent / Math.max(0.001, seconds)),
    latencyMs: { p50: round(latency.quantileMs(0.5), 2), p99: round(latency.quantileMs(0.99), 2), max: latency.maxMs },
  };
}

export function progressLine(
  options: SimulateOptions,
  now: Snapshot,
  before: Snapshot | undefined,
  second: number,
): string {
  const rate = now.counts.callsSent - (before?.counts.callsSent ?? 0);
  return (
    `${second} s  connected ${now.connected}/${options.stations}  charging ${now.charging}  ` +
    `sessions ${now.counts.sessionsSettled}/${now.counts.sessionsStarted}  ${rate} frames/s  unanswered ${now.unanswered}` +
    (options.commands > 0 ? `  commands ${now.counts.commandsDone}/${now.counts.commandsRequested}` : "")
  );
}

export function table(summary: Summary): string {
  const { latencyMs, ...rest } = summary;
  const rows: Array<[string, string]> = Object.entries(rest).map(([name, value]) => [name, String(value)]);
  rows.push(["latencyMs p50 / p99 / max", `${latencyMs.p50} / ${latencyMs.p99} / ${latencyMs.max}`]);
  const width = Math.max(...rows.map(([name]) => name.length));
  return `${rows.map(([name, value]) => `${name.padEnd(width)}  ${value}`).join("\n")}\n`;
}

function round(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
