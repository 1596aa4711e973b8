import { defaultOptions } from "./options.ts";
import { simulate } from "./simulate.ts";
import type { Summary } from "./report.ts";

export interface DemoFleetOptions {
  readonly url: string;
  /** Ends the fleet: open sessions are closed and answered first. */
  readonly signal: AbortSignal;
  readonly stations?: number;
  /** How many times faster than real charging; the default makes a session last 30 to 60 seconds. */
  readonly speed?: number;
}

/** A sample every three seconds. */
const demoSpeed = 20;

/**
 * A fleet that charges visibly fast and goes on until aborted. Its sessions last 10 to 20 samples, and connectors rest
 * for at most three, so a first session is over within a minute and something always moves.
 */
export function startDemoFleet({ url, signal, stations = 12, speed = demoSpeed }: DemoFleetOptions): Promise<Summary> {
  return simulate(
    {
      ...defaultOptions,
      url,
      stations,
      speed,
      prefix: "DEMO",
      seed: 7,
      seconds: 0,
      sessions: 0,
      graceSeconds: 5,
      quiet: true,
    },
    { signal, plans: { samples: [10, 19], idleSteps: [0, 3], reconnect: 0.02, offline: 0.05 } },
  );
}
