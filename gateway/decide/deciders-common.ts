// Deciders that 1.6 and 2.x share.
import { carriedRequest } from "../../core/ocpp/vendor-messages.ts";
import { timeText, type Context, type Decider, type Ruling } from "./decision.ts";

const deaf = new WeakSet<Decider>();

/** A decider that is not given the CALL's payload, so that it need not be parsed. */
function withoutPayload(rule: (context: Context) => Ruling): Decider {
  const decider: Decider = (_fields, context) => rule(context);
  deaf.add(decider);
  return decider;
}

export function readsPayload(decider: Decider): boolean {
  return !deaf.has(decider);
}

export function constant(payload: object): Decider {
  const ruling = { payload: Object.freeze(payload) };
  return withoutPayload(() => ruling);
}

/** The action is only taken note of. */
export const empty: Decider = constant({});

export const heartbeat: Decider = withoutPayload(({ now }) => ({ payload: { currentTime: timeText(now) } }));

const notCarried = { unknownVendor: "UnknownVendorId", unknownMessage: "UnknownMessageId", unreadable: "Rejected" };

/** P02; 1.6 §4.3. `carried` decides on messages that a vendor module knows (core/ocpp/vendor-messages.ts). */
export function dataTransfer(carried: ReadonlyMap<string, Decider>): Decider {
  return (fields, context) => {
    const inner = carriedRequest(context.protocol, "fromStation", fields);
    if (inner.type !== "message") return { payload: { status: notCarried[inner.type] } };
    const ruling = carried.get(inner.action)?.(inner.payload, context);
    if (ruling === undefined) return { payload: { status: notCarried.unknownMessage } };
    if ("unreadable" in ruling) return { payload: { status: notCarried.unreadable } };
    return { ...ruling, payload: { status: "Accepted", data: JSON.stringify(ruling.payload) } };
  };
}

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
export const bootAnswer: Decider = withoutPayload((context) => ({
  payload: {
    status: words[context.lookups.acceptance],
    currentTime: timeText(context.now),
    interval: intervalSeconds(context),
  },
}));
