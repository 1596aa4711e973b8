// From a checked request to a durable `commandRequested` (rules C1-C4): whose connection it is bound to, who wakes
// the gateway, and what is said at once.
import type { BusMessage, Claim } from "../../core/bus/bus.ts";
import { limits } from "../../core/config/limits.ts";
import {
  commandIdOf,
  newCommandId,
  type CommandId,
  type NodeId,
  type PartyId,
  type StationId,
} from "../../core/ids/ids.ts";
import type { Receipt } from "../../core/log/log.ts";
import type { CommandOutcome } from "../../core/records/domain-event.ts";
import type { CommandReply, FrameBody, Protocol } from "../../core/records/frame-record.ts";
import type { CommandRow } from "../../core/store/tables.ts";
import { asProtocol, checkAcceptance, checkCommand, checkSameCommand } from "./command-check.ts";
import type { CommandWaiters, Outcome, Wait } from "./command-waiters.ts";
import type { ApiOptions } from "./context.ts";
import { showCommand } from "./format.ts";
import type { FrameWriter } from "./frame-writer.ts";
import type { Principal } from "./principal.ts";
import { Problem } from "./problems.ts";
import { lastConnection, loadStation } from "./stations.ts";

export interface CommandInput {
  readonly action: string;
  readonly payload?: object;
  readonly timeoutSeconds?: number;
  readonly idempotencyKey?: string;
  /** RFC 3339. */
  readonly queueUntil?: string;
  /** Of a roaming partner's. */
  readonly reply?: CommandReply;
}

export interface CommandAnswer {
  readonly id: CommandId;
  readonly status: string;
  readonly outcome: CommandOutcome | null;
  readonly response: string | null;
}

/**
 * While it waits for the projection, in case the bus's word was lost: often enough to feel immediate, and ever less often,
 * for where answers are slow all who wait would ask a store that is busy already.
 */
const pollMs = 200;
const longestPollMs = 1_000;
/**
 * A key that another api may have used in the same moment: until the fold has said which request was first. Where it
 * does not say so in time, the request is durable all the same, and the answer is `requested`.
 */
const keyVerdictMs = 2_000;
const firstPollMs = 20;
/** Far above what a node takes on a busy machine; after it the api appends the request itself. */
const handOverMs = 1_000;
/** Far more than are requested in the moment that the projection is behind. */
const recentCommands = 10_000;

interface Recent {
  readonly appended: Promise<Pick<Receipt, "logTime">>;
  /** As the projection will have it; undefined until it is durable. */
  row: CommandRow | undefined;
}

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
  private readonly recent = new Map<string, Recent>();

  constructor(context: ApiOptions, writer: FrameWriter, waiters: CommandWaiters) {
    this.context = context;
    this.writer = writer;
    this.waiters = waiters;
  }

  /**
   * @param waitSeconds 0: answers once the request is durable.
   * @throws Problem `invalid` (also: the key is another command's), `conflict`, `not-found`; WattlogError `log/…`, `bus/unavailable`
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
    const known = key === null ? undefined : await this.known(principal, bound.id, input);
    if (known?.status === "done" || (known && waitSeconds === 0)) return known;
    const earlier = this.recent.get(bound.id);
    // No pause where there is none: between looking and writing no other request may come.
    if (earlier) await earlier.appended;
    if (known || earlier) return this.await(principal, bound, input, waitSeconds);
    if (!bound.owner && bound.queueUntil === null) {
      return this.refuse(principal, station, bound, input, waitSeconds);
    }
    return this.await(principal, bound, input, waitSeconds, (wait) =>
      this.bring(principal, station, bound, input, wait),
    );
  }

  /** Of a command that this process requested lately: it can be read at once, not only when it was folded. */
  requestedLately(party: PartyId, id: string): ReturnType<typeof showCommand> | undefined {
    const entry = this.recent.get(id);
    return entry?.row && entry.row.party === party ? showCommand(entry.row) : undefined;
  }

  /**
   * Remembered from before the append, so that a repeat in the same moment waits for it; forgotten where it fails, so
   * that a repeat is a new attempt.
   */
  private async write(
    principal: Principal,
    station: StationId,
    request: ReturnType<CommandSender["requestBody"]>,
    outcome: "not_connected" | null,
    tell?: NodeId,
  ): Promise<Receipt> {
    const { commandId } = request;
    const ended: FrameBody[] = outcome === null ? [] : [{ kind: "commandEnded", commandId, outcome }];
    const appended = this.writer.append(principal.party, station, [request, ...ended], tell);
    const entry: Recent = { appended, row: undefined };
    this.remember(commandId, entry);
    try {
      const receipt = await appended;
      // Of a key the fold says whether this request, and with it this end, is the one that counts.
      const known = request.idempotencyKey === null ? outcome : null;
      entry.row = provisionalRow(principal.party, station, request, known, receipt.logTime);
      return receipt;
    } catch (error) {
      this.recent.delete(commandId);
      throw error;
    }
  }

  private remember(commandId: CommandId, entry: Recent): void {
    this.recent.set(commandId, entry);
    if (this.recent.size > recentCommands) this.recent.delete(this.recent.keys().next().value!);
  }

  /** Whoever holds the station knows it: only where nobody does, the store is asked. @throws Problem `not-found`, `conflict` */
  private async bind(principal: Principal, station: StationId, input: CommandInput): Promise<Bound> {
    const { party } = principal;
    // More than a station takes would only close its socket.
    if (JSON.stringify(input.payload ?? {}).length > limits.commandPayloadMaxChars) {
      const sentence = `A command's payload has at most ${limits.commandPayloadMaxChars} characters.`;
      throw new Problem("invalid", sentence, { path: "/payload" });
    }
    const owner = await this.context.bus.owner(party, station);
    const last = owner ?? (await this.absent(party, station));
    const registered = this.context.registry.find(party, "station", station)?.doc;
    if (registered) checkAcceptance(registered.acceptance, input.action);
    const protocol = checkCommand(asProtocol(last.protocol), input.action, input.payload ?? {});
    return {
      id: input.idempotencyKey === undefined ? newCommandId() : commandIdOf(party, station, input.idempotencyKey),
      protocol,
      owner,
      lastConnectionId: last.connectionId,
      timeoutMs: (input.timeoutSeconds ?? limits.commandTimeoutSecondsDefault) * 1_000,
      queueUntil: this.queueUntil(input),
    };
  }

  private async absent(party: PartyId, station: StationId) {
    if (await loadStation(this.context, party, station)) return lastConnection(this.context, party, station);
    throw new Problem("not-found", "There is no station with this id. GET /api/v1/stations lists them.");
  }

  private queueUntil({ queueUntil }: CommandInput): number | null {
    if (queueUntil === undefined) return null;
    const until = Date.parse(queueUntil);
    if (until > this.context.clock.now()) return until;
    throw new Problem("invalid", "queueUntil must be in the future.", { path: "/queueUntil" });
  }

  /**
   * Rule C4: the api writes the end where nobody holds the station. Both records stand side by side. Where another api
   * was first with the same key, neither counts (rule C1), and the answer is what became of that one.
   */
  private async refuse(
    principal: Principal,
    station: StationId,
    bound: Bound,
    input: CommandInput,
    waitSeconds: number,
  ): Promise<CommandAnswer> {
    const { id } = bound;
    await this.write(principal, station, this.requestBody(principal, bound, input, false), "not_connected");
    if (input.idempotencyKey === undefined) return { id, status: "done", outcome: "not_connected", response: null };
    const ms = Math.max(waitSeconds * 1_000, keyVerdictMs);
    const ended = await this.firstOf(new Promise<Outcome>(() => undefined), principal, id, input, ms);
    if (ended) return { id, status: "done", ...ended };
    return (await this.known(principal, id, input)) ?? requested(id);
  }

  /**
   * Into the log, by the node that holds the station where it can take it, else by this process. Where that node has taken it
   * and its word was lost, both have: the first request counts, and the node does not send twice (rules C1, C3).
   * @param wait absent: nobody waits for the outcome
   * @returns the deadline in log time.
   */
  private async bring(
    principal: Principal,
    station: StationId,
    bound: Bound,
    input: CommandInput,
    wait: Wait | undefined,
  ): Promise<number> {
    const { owner, queueUntil, timeoutMs } = bound;
    // A log that hands what it holds to the node itself needs no second append either.
    const isHandedOver = wait && owner && queueUntil === null && input.idempotencyKey === undefined;
    if (isHandedOver && this.context.log.listen === undefined) {
      const requestedAt = await this.handOver(principal, station, { ...bound, owner }, input, wait);
      if (requestedAt !== undefined) return requestedAt + timeoutMs;
    }
    return this.append(principal, station, bound, input, wait !== undefined);
  }

  /** @returns the request's log time; undefined: nobody says that it is in the log. */
  private async handOver(
    principal: Principal,
    station: StationId,
    bound: Bound & { readonly owner: Claim },
    input: CommandInput,
    wait: Wait,
  ): Promise<number | undefined> {
    const { bus, clock, registry } = this.context;
    const { party } = principal;
    const { nodeId, connectionId } = bound.owner;
    const request = this.requestBody(principal, bound, input, true);
    const until = clock.now() + handOverMs;
    const message: BusMessage = {
      type: "handOver",
      party,
      station,
      connectionId,
      request: { ...request, registry: registry.position },
      until,
    };
    const unheard = bus.send(nodeId, message).then(
      (heard) => (heard ? new Promise<never>(() => undefined) : undefined),
      () => undefined,
    );
    const taken = await Promise.race([wait.taken, unheard, this.pause(handOverMs)]);
    if (typeof taken !== "number") return undefined;
    const row = provisionalRow(party, station, request, null, taken);
    this.remember(bound.id, { appended: Promise.resolve({ logTime: taken }), row });
    return taken;
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
    // Rule C1: an id made from a caller's key is woken by the processor, which knows whether it is the first.
    const wakes = input.idempotencyKey === undefined ? bound.owner?.nodeId : undefined;
    const receipt = await this.write(principal, station, body, null, wakes);
    const deadline = receipt.logTime + bound.timeoutMs;
    if (bound.owner && wakes !== undefined && !receipt.told) {
      this.wake(wakes, {
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

  /** Not waited for: the request is durable, and a wake that is lost is a command that expires (rule C4). */
  private wake(to: NodeId, message: BusMessage): void {
    this.context.bus.send(to, message).catch((error: unknown) => {
      this.context.logger.warn({ err: error }, "the node of a command could not be woken");
    });
  }

  private requestBody(principal: Principal, bound: Bound, input: CommandInput, replies: boolean) {
    return {
      kind: "commandRequested",
      commandId: bound.id,
      connectionId: bound.owner?.connectionId ?? lastBound(bound, input),
      protocol: bound.protocol,
      action: input.action,
      payload: Buffer.from(JSON.stringify(input.payload ?? {})),
      timeoutMs: bound.timeoutMs,
      idempotencyKey: input.idempotencyKey ?? null,
      queueUntil: bound.queueUntil,
      origin: { via: principal.via, actor: principal.actor, ...(input.reply && { reply: input.reply }) },
      replyTo: replies ? this.context.nodeId : null,
    } as const satisfies FrameBody;
  }

  private async await(
    principal: Principal,
    bound: Bound,
    input: CommandInput,
    waitSeconds: number,
    bring?: (wait: Wait | undefined) => Promise<number>,
  ): Promise<CommandAnswer> {
    const { id, protocol } = bound;
    if (waitSeconds === 0) {
      await bring?.(undefined);
      return (await this.verdict(principal, id, input)) ?? requested(id);
    }
    const wait = this.waiters.expect({ commandId: id, protocol, action: input.action });
    try {
      const deadline = await bring?.(wait);
      if (deadline !== undefined) wait.begins(deadline);
      const ended = await this.firstOf(wait.outcome, principal, id, input, waitSeconds * 1_000);
      if (ended) return { id, status: "done", ...ended };
    } finally {
      wait.cancel();
    }
    return (await this.known(principal, id, input)) ?? requested(id);
  }

  /** Rule C1: of two requests of one key only the fold says which was first; one that asks for else is refused. */
  private async verdict(principal: Principal, id: CommandId, input: CommandInput): Promise<CommandAnswer | undefined> {
    if (input.idempotencyKey === undefined) return undefined;
    const { clock } = this.context;
    const until = clock.monotonic() + keyVerdictMs;
    for (let ms = firstPollMs; clock.monotonic() < until; ms = Math.min(ms * 2, pollMs)) {
      await this.pause(ms);
      const first = await this.known(principal, id, input);
      if (first) return first;
    }
    return undefined;
  }

  /** The bus's word or the projection's, whichever comes first; undefined when neither came in time. */
  private async firstOf(
    outcome: Promise<Outcome>,
    principal: Principal,
    id: CommandId,
    input: CommandInput,
    ms: number,
  ): Promise<Outcome | undefined> {
    const { clock } = this.context;
    const until = clock.monotonic() + ms;
    const told = outcome.then((first) => {
      // Told to this process, so its own request was the first of the key.
      const own = this.recent.get(id)?.row;
      if (own) checkSameCommand(own, input);
      return first;
    });
    // Where nobody waits for it any more.
    told.catch(() => undefined);
    for (let pauseMs = pollMs; ; pauseMs = Math.min(pauseMs * 2, longestPollMs)) {
      const left = until - clock.monotonic();
      if (left <= 0) return undefined;
      const first =
        (await Promise.race([told, this.pause(Math.min(pauseMs, left))])) ??
        (await Promise.race([told, this.projected(principal, id, input)]));
      if (first) return first;
    }
  }

  private async projected(principal: Principal, id: CommandId, input: CommandInput): Promise<Outcome | undefined> {
    const row = await this.known(principal, id, input);
    return row?.status === "done" && row.outcome ? { outcome: row.outcome, response: row.response } : undefined;
  }

  private pause(ms: number): Promise<undefined> {
    return new Promise((resolve) => this.context.clock.after(ms, () => resolve(undefined)));
  }

  /** @throws Problem `invalid` where the command of this key is another one than `input` */
  private async known(principal: Principal, id: CommandId, input: CommandInput): Promise<CommandAnswer | undefined> {
    const row = await this.context.store.reader
      .selectFrom("live_command")
      .select(["id", "action", "payload", "status", "outcome", "response"])
      .where("party", "=", principal.party)
      .where("id", "=", id)
      .executeTakeFirst();
    if (!row) return undefined;
    checkSameCommand(row, input);
    return { id, status: row.status, outcome: row.outcome as CommandOutcome | null, response: row.response };
  }
}

/**
 * What a command for a station that nobody holds is bound to: its last connection, for the record. Never with a key: the
 * processor wakes the node of such a request, and where the fold holds that connection for alive yet, the command would
 * reach the station beside an end that says it did not.
 */
function lastBound(bound: Bound, { idempotencyKey }: CommandInput): Bound["lastConnectionId"] {
  return bound.queueUntil === null && idempotencyKey === undefined ? bound.lastConnectionId : null;
}

function requested(id: CommandId): CommandAnswer {
  return { id, status: "requested", outcome: null, response: null };
}

/** What the projection will write for it, for whoever asks before it did. */
function provisionalRow(
  party: PartyId,
  station: StationId,
  request: Extract<FrameBody, { kind: "commandRequested" }>,
  outcome: "not_connected" | null,
  logTime: number,
): CommandRow {
  return {
    table_set: 0,
    partition: 0,
    id: request.commandId,
    party,
    station,
    action: request.action,
    payload: Buffer.from(request.payload).toString("utf8"),
    status: outcome === null ? "requested" : "done",
    outcome,
    response: null,
    late_response: null,
    deadline: logTime + request.timeoutMs,
    requested_at: logTime,
    sent_at: null,
    ended_at: outcome === null ? null : logTime,
    origin: JSON.stringify(request.origin),
    last_updated: logTime,
  };
}
