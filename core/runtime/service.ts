// What every long-lived part of a role is: started, drained, stopped; each at most once, in that order.

export interface Service {
  readonly name: string;
  start(): Promise<void>;
  /** Take no new work, finish what was begun. A second call waits for the first. */
  drain(): Promise<void>;
  /** Give everything back. Safe after a failed start. */
  stop(): Promise<void>;
}

/** Ready is per dependency, so that an operator sees which; liveness never asks here. */
export interface Readiness {
  readonly name: string;
  /** undefined: ready. Otherwise one sentence. */
  readonly problem: string | undefined;
  /** One sentence about what it goes on without. */
  readonly note?: string | undefined;
}
