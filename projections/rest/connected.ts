// What is sent as several commands that hang together needs a station that is there.
import type { PartyId, StationId } from "../../core/ids/ids.ts";
import { parseFrame } from "../../core/ocpp/framing.ts";
import type { Protocol } from "../../core/records/frame-record.ts";
import { asProtocol } from "./command-check.ts";
import type { CommandAnswer, CommandSender } from "./command-sender.ts";
import type { ApiOptions } from "./context.ts";
import type { Principal } from "./principal.ts";
import { Problem } from "./problems.ts";
import { loadStation } from "./stations.ts";

/** @throws Problem `not-found`, `conflict` where nobody holds the station */
export async function connectedProtocol(context: ApiOptions, party: PartyId, station: StationId): Promise<Protocol> {
  const protocol = asProtocol((await context.bus.owner(party, station))?.protocol);
  if (protocol) return protocol;
  if (!(await loadStation(context, party, station))) {
    throw new Problem("not-found", "There is no station with this id. GET /api/v1/stations lists them.");
  }
  throw new Problem(
    "conflict",
    "This station is not connected, so nothing was sent to it. Try again when it is online.",
  );
}

/** How long `?wait` still lasts. */
export class Patience {
  private readonly clock: ApiOptions["clock"];
  private readonly until: number;

  constructor(clock: ApiOptions["clock"], seconds: number) {
    this.clock = clock;
    this.until = clock.monotonic() + seconds * 1_000;
  }

  get seconds(): number {
    return Math.max(0, this.until - this.clock.monotonic()) / 1_000;
  }
}

/** Commands of which each follows from what the station said to the one before. */
export interface Conversation {
  readonly context: ApiOptions;
  readonly sender: CommandSender;
  readonly principal: Principal;
  readonly station: StationId;
  readonly protocol: Protocol;
  readonly patience: Patience;
  /** Where several apis may say the same at once: what makes it one command (rule C1). */
  readonly keyOf?: (action: string, payload: object) => string | undefined;
}

/** A command that is on its way is waited for a little all the same: what became of it says how to go on. */
const leastWaitSeconds = 0.1;

/** @throws Problem, WattlogError what a command throws */
export function requested(of: Conversation, action: string, payload: object): Promise<CommandAnswer> {
  const { sender, principal, station, patience } = of;
  const idempotencyKey = of.keyOf?.(action, payload);
  const input = idempotencyKey === undefined ? { action, payload } : { action, payload, idempotencyKey };
  return sender.request(principal, station, input, Math.max(leastWaitSeconds, patience.seconds));
}

/** undefined: it did not answer, or with an error. */
export function responseOf({ response }: CommandAnswer): Readonly<Record<string, unknown>> | undefined {
  const frame = response === null ? undefined : parseFrame(Buffer.from(response));
  return frame?.type === "result" ? (frame.payload as Readonly<Record<string, unknown>>) : undefined;
}
