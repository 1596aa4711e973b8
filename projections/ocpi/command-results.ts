// The second half of a command: what became of it is POSTed to the address that the partner named, unwrapped (2.2.1, Commands).
import { limits } from "../../core/config/limits.ts";
import type { StationId } from "../../core/ids/ids.ts";
import { messageOf } from "../../core/runtime/errors.ts";
import type { CommandSender } from "../rest/command-sender.ts";
import type { ApiOptions } from "../rest/context.ts";
import { resultOf, type CommandName, type CommandResultType, type StationCommand } from "./command-requests.ts";
import { principalOf, type Partner } from "./partners.ts";
import type { PeerClient } from "./peer-client.ts";

export interface CommandOrder {
  readonly partner: Partner;
  readonly command: CommandName;
  readonly station: StationId;
  readonly request: StationCommand;
  readonly responseUrl: string;
  readonly correlationId: string;
  readonly routing: Readonly<Record<string, string>>;
}

/** How long a station may take. */
const stationSeconds = limits.commandTimeoutSecondsDefault;
/** The fold ends a command a little after its deadline. */
const waitSeconds = stationSeconds + limits.commandTickGraceMs / 1_000 + 2;
/** Told to partners: when nothing came until then, nothing will. */
export const commandTimeoutSeconds = waitSeconds + Math.ceil(limits.outboundMs / 1_000);

/**
 * In memory: where this process dies, the partner hears nothing and goes by its timeout, as OCPI says. The command itself is
 * in the log, and reached its station at most once.
 */
export class CommandResults {
  private readonly context: ApiOptions;
  private readonly sender: CommandSender;
  private readonly peers: PeerClient;
  private readonly pending = new Map<string, Set<Promise<void>>>();

  constructor(context: ApiOptions, sender: CommandSender, peers: PeerClient) {
    this.context = context;
    this.sender = sender;
    this.peers = peers;
  }

  /** @returns false where this partner has too many outstanding. */
  order(order: CommandOrder): boolean {
    const { id } = order.partner.doc;
    const all = this.pending.get(id) ?? new Set();
    if (all.size >= limits.ocpiCommandsPending) return false;
    this.pending.set(id, all);
    const work = this.carryOut(order).finally(() => {
      all.delete(work);
      if (all.size === 0) this.pending.delete(id);
    });
    all.add(work);
    return true;
  }

  private async carryOut(order: CommandOrder): Promise<void> {
    const result = await this.resultOf(order);
    try {
      const address = this.peers.addressOf(order.partner);
      const { responseUrl: url, correlationId, routing, command } = order;
      const answer = await this.peers.send(address, { method: "POST", url, correlationId, routing, body: { result } });
      if (answer.result === "answered" && answer.status < 300) return;
      const why = answer.result === "answered" ? `HTTP ${answer.status}` : answer.why;
      this.context.logger.warn({ partner: order.partner.doc.id, command, why }, "a partner did not take a result");
    } catch (error) {
      this.context.logger.warn({ partner: order.partner.doc.id, err: error }, "a partner was not told a result");
    }
  }

  private async resultOf({ partner, command, station, request }: CommandOrder): Promise<CommandResultType> {
    const input = { ...request, timeoutSeconds: stationSeconds };
    try {
      const { outcome, response } = await this.sender.request(principalOf(partner), station, input, waitSeconds);
      return resultOf(command, outcome, response);
    } catch (error) {
      this.context.logger.warn({ station, command, why: messageOf(error) }, "a partner's command was not sent");
      return "FAILED";
    }
  }
}
