// The message around a payload: type, id, action, number of elements.
import type { Rng } from "../../bench/fleet/rng.ts";
import type { Role } from "./seeds.ts";

export interface Envelope {
  readonly role: Role;
  readonly action: string;
  readonly id: string;
  /** JSON text. */
  readonly payload: string;
}

const types = ["0", "1", "2", "3", "4", "5", "6", "7", "22", "-2", "2.5", '"2"', "null", "[]", "2e0"] as const;

const actionTexts = [
  '"Teleport"',
  '""',
  "7",
  "null",
  "{}",
  '"heartbeat"',
  '"__proto__"',
  '"constructor"',
  '"toString"',
];

/** Of both directions: known in a version, but not always to be called by a station. */
const otherActions = [
  '"Reset"',
  '"RemoteStartTransaction"',
  '"GetVariables"',
  '"Heartbeat"',
  '"NotifyPeriodicEventStream"',
];

/** @returns the whole message, JSON text all the same. */
export function breakEnvelope(envelope: Envelope, rng: Rng): string {
  const { role, id, payload } = envelope;
  const type = role === "call" ? "2" : "3";
  const rawId = JSON.stringify(id);
  const action = JSON.stringify(envelope.action);
  const whole = (...parts: readonly string[]): string => `[${parts.join(",")}]`;
  const rest = role === "call" ? [action, payload] : [payload];
  switch (rng.int(0, 8)) {
    case 0:
      return whole(rng.pick(types), rawId, ...rest);
    case 1:
    case 2:
      return whole(type, idTextOf(id, rng), ...rest);
    case 3:
      return whole(type, rawId, rng.pick(actionTexts), payload);
    case 4:
      return whole(type, rawId, rng.pick(otherActions), payload);
    case 5:
      return whole(type, rawId, ...rest, ...rng.pick([["1"], ["null", "{}"], ['"surplus"']]));
    case 6:
      return whole(...[type, rawId, ...rest].slice(0, rng.int(0, role === "call" ? 3 : 2)));
    case 7: {
      const other = rng.pick(["null", "[]", "[{}]", '"text"', "7", "true", payload.slice(0, 0) || "{}"]);
      return role === "call" ? whole(type, rawId, action, other) : whole(type, rawId, other);
    }
    default:
      return errorFrame(rawId, rng);
  }
}

function idTextOf(id: string, rng: Rng): string {
  // Of its own, for a CALL that is like another in all its bytes is a repeat.
  const digits = `9${id.replaceAll(/\D/g, "").slice(0, 12)}`;
  const odd = [
    digits,
    `1234567890${digits}`,
    `1.${digits}`,
    "null",
    "[]",
    "{}",
    "true",
    '""',
    JSON.stringify(`${id} `),
    JSON.stringify(id.padEnd(36, "x")),
    JSON.stringify(id.padEnd(40, "x")),
    JSON.stringify(id.padEnd(200, "x")),
    JSON.stringify(id.padEnd(400, "x")),
    JSON.stringify(`${id}"\\\n`),
    JSON.stringify(`${id}漢`),
  ];
  return rng.pick(odd);
}

const codes = ['"NotImplemented"', '"FormatViolation"', '"OccurenceConstraintViolation"', '"Nonsense"', "7", "null"];

/** A CALLERROR, whole or not. */
function errorFrame(rawId: string, rng: Rng): string {
  const parts = ["4", rawId, rng.pick(codes), rng.pick(['"no"', '""', "7", JSON.stringify("x".repeat(300))]), "{}"];
  return `[${parts.slice(0, rng.pick([2, 3, 4, 5, 5, 5, 5])).join(",")}]`;
}
