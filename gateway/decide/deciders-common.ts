// Deciders that 1.6 and 2.x share.
import { timeText, type Context, type Decider } from "./decision.ts";

const nothing: object = Object.freeze({});

/** The action is only taken note of. */
export const empty: Decider = () => ({ payload: nothing });

export function constant(payload: object): Decider {
  const ruling = { payload: Object.freeze(payload) };
  return () => ruling;
}

export const heartbeat: Decider = (_fields, { now }) => ({ payload: { currentTime: timeText(now) } });

/** No vendor's extension is known here. */
export const dataTransfer: Decider = constant({ status: "UnknownVendorId" });

const words = { accepted: "Accepted", pending: "Pending", rejected: "Rejected" } as const;

/** A station that waits for a person's click should not wait for a whole heartbeat interval as well. */
const longestRetrySeconds = 60;

function intervalSeconds({ lookups, random }: Context): number {
  const seconds =
    lookups.acceptance === "accepted"
      ? lookups.heartbeatSeconds
      : Math.min(lookups.heartbeatSeconds, longestRetrySeconds);
  // ±10 %: a fleet that booted together must not beat together.
  return Math.max(1, Math.round(seconds * (0.9 + 0.2 * random)));
}

/** Acceptance is registry policy, never a missing fold (rule R3). */
export const bootAnswer: Decider = (_fields, context) => ({
  payload: {
    status: words[context.lookups.acceptance],
    currentTime: timeText(context.now),
    interval: intervalSeconds(context),
  },
});
