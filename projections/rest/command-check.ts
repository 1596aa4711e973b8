// Whether a command is one: action and payload against the schema of the version that the station speaks.
import { isDeepStrictEqual } from "node:util";

import { commandActions, isCommandAction } from "../../core/ocpp/command-outcome.ts";
import { validator } from "../../core/ocpp/validators.ts";
import type { Protocol } from "../../core/records/frame-record.ts";
import type { StationDoc } from "../../core/registry/entities.ts";
import { Problem } from "./problems.ts";

const protocols: readonly Protocol[] = ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"];

export function asProtocol(text: string | null | undefined): Protocol | undefined {
  return protocols.find((protocol) => protocol === text);
}

/**
 * @param protocol undefined where the station never connected: the first version that such a command fits.
 * @returns the version that it was checked against.
 * @throws Problem `invalid` with the JSON pointer of what is wrong.
 */
export function checkCommand(protocol: Protocol | undefined, action: string, payload: unknown): Protocol {
  if (protocol) {
    const wrong = violationOf(protocol, action, payload);
    if (wrong) throw wrong;
    return protocol;
  }
  const found = protocols.find((candidate) => violationOf(candidate, action, payload) === undefined);
  if (found) return found;
  const knows = protocols.find((candidate) => isCommandAction(candidate, action)) ?? "ocpp1.6";
  throw violationOf(knows, action, payload)!;
}

const startsOrStops: ReadonlySet<string> = new Set([
  "RemoteStartTransaction",
  "RemoteStopTransaction",
  "RequestStartTransaction",
  "RequestStopTransaction",
]);

/**
 * OCPP 1.6 §4.2, 2.x B02 and B03: a Pending station may be read and configured but starts and stops nothing; to a Rejected
 * one the CSMS says nothing of its own.
 * @throws Problem `conflict`
 */
export function checkAcceptance(acceptance: StationDoc["acceptance"], action: string): void {
  if (acceptance === "rejected") {
    throw new Problem("conflict", "This station is rejected: nothing is sent to it. Set its `acceptance` first.");
  }
  if (acceptance === "pending" && startsOrStops.has(action)) {
    const sentence = `This station is pending: ${action} is not sent to it. Set its \`acceptance\` to accepted first.`;
    throw new Problem("conflict", sentence);
  }
}

function violationOf(protocol: Protocol, action: string, payload: unknown): Problem | undefined {
  if (!isCommandAction(protocol, action)) {
    const known = commandActions(protocol).join(", ");
    return new Problem("invalid", `${protocol} has no such command for a station. It has: ${known}.`, {
      path: "/action",
    });
  }
  const violation = validator(protocol, action, "req")?.(payload);
  if (!violation) return undefined;
  return new Problem("invalid", `${protocol} ${action}: payload${violation.path} ${violation.message}.`, {
    path: `/payload${violation.path}`,
  });
}

/**
 * A caller's key names one command: whoever uses it again for another one must hear that this one is not sent.
 * @param first what counts under the key (rule C1).
 * @throws Problem `invalid`
 */
export function checkSameCommand(
  first: { readonly id: string; readonly action: string; readonly payload: string },
  { action, payload = {} }: { readonly action: string; readonly payload?: object },
): void {
  if (first.action === action && isDeepStrictEqual(JSON.parse(first.payload), payload)) return;
  const sentence = `This idempotencyKey already names another command, see /api/v1/commands/${first.id}. This one is not sent; give it a key of its own.`;
  throw new Problem("invalid", sentence, { path: "/idempotencyKey" });
}
