// The first half of a partner's command: into the log, with what its result will be told by. The second half, the POST of the
// result, is a push (pushes/results.ts), so it outlives this process (decision 0033).
import { limits } from "../../core/config/limits.ts";
import type { StationId } from "../../core/ids/ids.ts";
import type { CommandReply } from "../../core/records/frame-record.ts";
import type { CommandSender } from "../rest/command-sender.ts";
import type { ApiOptions } from "../rest/context.ts";
import { Problem } from "../rest/problems.ts";
import type { OcpiCall } from "./call.ts";
import type { StationCommand } from "./command-requests.ts";
import { isHub } from "./hub-parties.ts";
import { principalOf, type Partner } from "./partners.ts";

export interface CommandOrder {
  readonly partner: Partner;
  readonly station: StationId;
  readonly request: StationCommand;
  readonly reply: CommandReply;
}

/** How long a station may take. */
const stationSeconds = limits.commandTimeoutSecondsDefault;
/** The fold ends a command a little after its deadline, and what it ended is told within seconds. */
const toldSeconds = limits.commandTickGraceMs / 1_000 + 2;
/** Told to partners: when nothing came until then, nothing will. */
export const commandTimeoutSeconds = Math.ceil(stationSeconds + toldSeconds + limits.outboundMs / 1_000);

export class CommandOrders {
  private readonly context: Pick<ApiOptions, "clock">;
  private readonly sender: CommandSender;
  /** By party and partner, when each that was ordered has ended at the latest; monotonic ms, rising. */
  private readonly pending = new Map<string, number[]>();

  constructor(context: Pick<ApiOptions, "clock">, sender: CommandSender) {
    this.context = context;
    this.sender = sender;
  }

  /**
   * Resolves when the command is in the log.
   * @returns false where this partner has too many outstanding.
   * @throws what the sender throws: see `isUnsendable`
   */
  async order({ partner, station, request, reply }: CommandOrder): Promise<boolean> {
    if (!this.mayHaveOneMore(partner)) return false;
    const input = { ...request, timeoutSeconds: stationSeconds, reply };
    await this.sender.request(principalOf(partner), station, input, 0);
    return true;
  }

  private mayHaveOneMore({ party, doc }: Partner): boolean {
    const key = `${party}/${doc.id}`;
    const now = this.context.clock.monotonic();
    const open = (this.pending.get(key) ?? []).filter((until) => until > now);
    const mayHave = open.length < limits.ocpiCommandsPending;
    this.pending.set(key, mayHave ? [...open, now + (stationSeconds + toldSeconds) * 1_000] : open);
    return mayHave;
  }
}

/** A hub is told for whom the result is. */
export function throughHub({ partner, from }: Pick<OcpiCall, "partner" | "from">): Pick<CommandReply, "to"> {
  return isHub(partner) ? { to: from } : {};
}

/** The station's schema or state does not have it: the same again would end the same. */
export function isUnsendable(error: unknown): error is Problem {
  return error instanceof Problem && unsendable.has(error.kind);
}

const unsendable: ReadonlySet<string> = new Set(["invalid", "conflict", "not-found"]);
