// What is sent as several commands that hang together needs a station that is there.
import type { PartyId, StationId } from "../../core/ids/ids.ts";
import type { Protocol } from "../../core/records/frame-record.ts";
import { asProtocol } from "./command-check.ts";
import type { ApiOptions } from "./context.ts";
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
