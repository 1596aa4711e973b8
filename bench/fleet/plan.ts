import type { Rng } from "./rng.ts";

/** How a message is sent once more although it was answered, or before it could be. */
export type Repeat = "none" | "beforeAnswer" | "afterAnswer" | "newIdAfterReconnect";

/** How a link is lost abruptly: after a frame was written, after it was answered, or by a socket that just goes silent. */
export type LinkLoss = "afterSend" | "afterAnswer" | "halfOpen";

/** Everything that chance decides about one session, drawn before it begins, so that timing cannot change it. */
export interface SessionPlan {
  readonly idleSteps: number;
  readonly samples: ReadonlyArray<{ readonly energyWh: number; readonly powerW: number }>;
  /** Steps counted from plug-in (0): offline from `at`, for `steps` steps; sometimes before the start or past the end. */
  readonly offline: { readonly at: number; readonly steps: number } | undefined;
  readonly loss: { readonly at: number; readonly how: LinkLoss } | undefined;
  /** Samples that leave only after the next message of the session. */
  readonly late: ReadonlySet<number>;
  readonly dataTransfer: boolean;
}

export interface PlanOptions {
  /** Probability per message that it is repeated; the others are per session. */
  readonly repeat: number;
  readonly offline: number;
  readonly reconnect: number;
  readonly disorder: number;
  /** Number of samples of a session, [min, max]. */
  readonly samples: readonly [number, number];
  /** Steps between two sessions of a connector, [min, max]. */
  readonly idleSteps: readonly [number, number];
}

/** One sample stands for this much simulated time. */
export const sampleSeconds = 60;

const maxPowersW = [3_680, 7_400, 11_000, 22_000, 50_000, 150_000] as const;

export function planSession(rng: Rng, options: PlanOptions): SessionPlan {
  const count = rng.int(...options.samples);
  const maxPowerW = rng.pick(maxPowersW);
  const samples = Array.from({ length: count }, (_, i) => {
    // A full battery takes less: the last third tapers off, and now and then a car pauses.
    const taper = i < (count * 2) / 3 ? 1 : 1 - (0.8 * (i - (count * 2) / 3)) / Math.max(1, count / 3);
    const powerW = rng.chance(0.05) ? 0 : Math.round(maxPowerW * taper * (0.9 + 0.1 * rng.next()));
    return { powerW, energyWh: Math.floor((powerW * sampleSeconds) / 3600) };
  });
  const offline = rng.chance(options.offline)
    ? { at: rng.int(0, count), steps: rng.int(2, Math.max(3, Math.ceil(count * 0.75))) }
    : undefined;
  const loss = rng.chance(options.reconnect)
    ? { at: rng.int(0, count + 1), how: rng.pick(["afterSend", "afterAnswer", "halfOpen"] as const) }
    : undefined;
  const late = new Set<number>();
  if (rng.chance(options.disorder)) {
    late.add(rng.chance(0.5) ? count - 1 : rng.int(0, count - 1));
    if (count > 4 && rng.chance(0.5)) late.add(rng.int(0, count - 3));
  }
  const dataTransfer = rng.chance(0.1);
  return { idleSteps: rng.int(...options.idleSteps), samples, offline, loss, late, dataTransfer };
}

export function planRepeat(rng: Rng, options: PlanOptions): Repeat {
  // Both numbers are always drawn: the probability asked for must not shift what later messages draw.
  const repeats = rng.chance(options.repeat);
  const how = rng.pick(["beforeAnswer", "afterAnswer", "afterAnswer", "newIdAfterReconnect"] as const);
  return repeats ? how : "none";
}
