// From a checked request to a durable `commandRequested` (rules C1-C4): whose connection it is bound to, who wakes
// the gateway, and what is said at once.
import type { Claim } from "../../core/bus/bus.ts";
import { limits } from "../../core/config/limits.ts";
import { commandIdOf, newCommandId, type CommandId, type StationId } from "../../core/ids/ids.ts";
import type { CommandOutcome } from "../../core/records/domain-event.ts";
import type { FrameBody, Protocol } from "../../core/records/frame-record.ts";
import { asProtocol, checkCommand } from "./command-check.ts";
import type { CommandWaiters, Outcome } from "./command-waiters.ts";
import type { ApiOptions } from "./context.ts";
import type { FrameWriter } from "./frame-writer.ts";
import type { Principal } from "./principal.ts";
import { Problem } from "./problems.ts";
import { lastConnection } from "./stations.ts";

export interface CommandInput {
  readonly action: string;
  readonly payload?: object;
  readonly timeoutSeconds?: number;
  readonly idempotencyKey?: string;
  /** RFC 3339. */
  readonly queueUntil?: string;
}

export interface CommandAnswer {
  readonly id: CommandId;
  readonly status: string;
  readonly outcome: CommandOutcome | null;
  readonly response: string | null;
}

/** While it waits for the projection: often enough to feel immediate, seldom enough to cost nothing. */
const pollMs = 200;
/** Far more than are requested in the seconds that the projection may be behind. */
const recentKeys = 10_000;

interface Bound {
  readonly id: CommandId;
  readonly protocol: Protocol;
  readonly owner: Claim | undefined;
  readonly lastConnectionId: Claim["connectionId"] | null;
  readonly timeoutMs: number;
  readonly queueUntil: number | null;
}

export class CommandSender {
  private readonly context: ApiOptions;
  private readonly writer: FrameWriter;
  private readonly waiters: CommandWaiters;
  private readonly recent = new Set<CommandId>();

  constructor(context: ApiOptions, writer: FrameWriter, waiters: CommandWaiters) {
    this.context = context;
    this.writer = writer;
    this.waiters = waiters;
  }

  /**
   * @param waitSeconds 0: answers once the request is durable.
   * @throws Problem `invalid`; WattlogError `log/…`, `bus/unavailable`
   */
  async request(
    principal: Principal,
    station: StationId,
    input: CommandInput,
    waitSeconds: number,
  ): Promise<CommandAnswer> {
    const bound = await this.bind(principal, station, input);
    const key = input.idempotencyKey ?? null;
    // A repeat of a known key is answered from what is known of it: nothing is appended twice without need, and a
    // station that went offline meanwhile cannot end a command that was sent before.
    const known = key === null ? undefined : await this.known(principal, bound.id);
    if (known?.status === "done" || (known && waitSeconds === 0)) return known;
    if (known || (key !== null && !this.isFirst(bound.id))) return this.await(principal, bound, input, waitSeconds);
    if (!bound.owner && bound.queueUntil === null) return this.refuse(principal, station, bound, input);
    return this.await(principal, bound, input, waitSeconds, (replies) =>
      this.append(principal, station, bound, input, replies),
    );
  }

  /** A repeat may be faster than the projection: the ids that this process requested lately are known at once. */
  private isFirst(id: CommandId): boolean {
    if (this.recent.has(id)) return false;
    this.recent.add(id);
    if (this.recent.size > recentKeys) this.recent.delete(this.recent.values().next().value!);
    return true;
  }

  private async bind(principal: Principal, station: StationId, input: CommandInput): Promise<Bound> {
    const { party } = principal;
    const owner = await this.context.bus.owner(party, station);
    const last = await lastConnection(this.context, party, station);
    const protocol = checkCommand(owner?.protocol ?? asProtocol(last.protocol), input.action, input.payload ?? {});
    return {
      id: input.idempotencyKey === undefined ? newCommandId() : commandIdOf(party, station, input.idempotencyKey),
      protocol,
      owner,
      lastConnectionId: last.connectionId,
      timeoutMs: (input.timeoutSeconds ?? limits.commandTimeoutSecondsDefault) * 1_000,
      queueUntil: this.queueUntil(input),
    };
  }

  private queueUntil({ queueUntil }: CommandInput): number | null {
    if (queueUntil === undefined) return null;
    const until = Date.parse(queueUntil);
    if (until > this.context.clock.now()) return until;
    throw new Problem("invalid", "queueUntil must be in the future.", { path: "/queueUntil" });
  }

  /** Rule C4: the api writes the end where nobody holds the station. Both records stand side by side. */
  private async refuse(
    principal: Principal,
    station: StationId,
    bound: Bound,
    input: CommandInput,
  ): Promise<CommandAnswer> {
    const ended: FrameBody = { kind: "commandEnded", commandId: bound.id, outcome: "not_connected" };
    await this.writer.append(principal.party, station, [this.requestBody(principal, bound, input, false), ended]);
    return { id: bound.id, status: "done", outcome: "not_connected", response: null };
  }

  /** @returns the deadline in log time. */
  private async append(
    principal: Principal,
    station: StationId,
    bound: Bound,
    input: CommandInput,
    replies: boolean,
  ): Promise<number> {
    const body = this.requestBody(principal, bound, input, replies);
    const receipt = await this.writer.append(principal.party, station, [body]);
    const deadline = receipt.logTime + bound.timeoutMs;
    // Rule C1: an id made from a caller's key is woken by the processor, which knows whether it is the first.
    if (bound.owner && input.idempotencyKey === undefined) {
      await this.context.bus.send(bound.owner.nodeId, {
        type: "command",
        party: principal.party,
        station,
        connectionId: bound.owner.connectionId,
        commandId: bound.id,
        action: input.action,
        payload: body.payload,
        deadline,
        replyTo: body.replyTo,
      });
    }
    return deadline;
  }

  private requestBody(principal: Principal, bound: Bound, input: CommandInput, replies: boolean) {
    return {
      kind: "commandRequested",
      commandId: bound.id,
      connectionId: bound.owner?.connectionId ?? (bound.queueUntil === null ? bound.lastConnectionId : null),
      protocol: bound.protocol,
      action: input.action,
      payload: Buffer.from(JSON.stringify(input.payload ?? {})),
      timeoutMs: bound.timeoutMs,
      idempotencyKey: input.idempotencyKey ?? null,
      queueUntil: bound.queueUntil,
      origin: { via: principal.via, actor: principal.actor },
      replyTo: replies ? this.context.nodeId : null,
    } as const satisfies FrameBody;
  }

  private async await(
    principal: Principal,
    bound: Bound,
    input: CommandInput,
    waitSeconds: number,
    append?: (replies: boolean) => Promise<number>,
  ): Promise<CommandAnswer> {
    const { id, protocol } = bound;
    if (waitSeconds === 0) {
      await append?.(false);
      return { id, status: "requested", outcome: null, response: null };
    }
    const wait = this.waiters.expect({ commandId: id, protocol, action: input.action });
    try {
      const deadline = await append?.(true);
      if (deadline !== undefined) wait.begins(deadline);
      const ended = await this.firstOf(wait.outcome, principal, id, waitSeconds * 1_000);
      if (ended) return { id, status: "done", ...ended };
    } finally {
      wait.cancel();
    }
    return (await this.known(principal, id)) ?? { id, status: "requested", outcome: null, response: null };
  }

  /** The bus's word or the projection's, whichever comes first; undefined when neither came in time. */
  private async firstOf(
    outcome: Promise<Outcome>,
    principal: Principal,
    id: CommandId,
    ms: number,
  ): Promise<Outcome | undefined> {
    const { clock } = this.context;
    const until = clock.monotonic() + ms;
    for (;;) {
      const left = until - clock.monotonic();
      if (left <= 0) return undefined;
      const first = await Promise.race([outcome, this.pause(Math.min(pollMs, left))]);
      if (first) return first;
      const row = await this.known(principal, id);
      if (row?.status === "done" && row.outcome) return { outcome: row.outcome, response: row.response };
    }
  }

  private pause(ms: number): Promise<undefined> {
    return new Promise((resolve) => this.context.clock.after(ms, () => resolve(undefined)));
  }

  private async known(principal: Principal, id: CommandId): Promise<CommandAnswer | undefined> {
    const row = await this.context.store.reader
      .selectFrom("live_command")
      .select(["status", "outcome", "response"])
      .where("party", "=", principal.party)
      .where("id", "=", id)
      .executeTakeFirst();
    if (!row) return undefined;
    return { id, status: row.status, outcome: row.outcome as CommandOutcome | null, response: row.response };
  }
}
