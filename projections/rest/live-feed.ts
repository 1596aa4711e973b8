// What was committed lately, for whoever watches: told by the projector of this process, else read from the log up to
// the position that the projector's row shows. Changes of a moment are gathered, loaded once, and shown to everyone.
import type { PartyId } from "../../core/ids/ids.ts";
import { decodeEvent } from "../../core/records/domain-event.ts";
import { trusted } from "../../core/ids/ids.ts";
import type { Timer } from "../../core/runtime/clock.ts";
import { changeOf, type Changes } from "../models/changes.ts";
import type { ApiOptions } from "./context.ts";
import { showCommand, showSession } from "./format.ts";
import { loadStations } from "./stations.ts";

/** Long enough to gather a burst, short enough to feel live. */
const gatherMs = 250;
const pollMs = 1_000;
/** More in one moment than anybody can watch: they are told to load the page again instead. */
const changesMax = 400;
const behindMax = 5_000;

export interface LiveMessage {
  readonly party: PartyId;
  readonly event: "status" | "session" | "command" | "reset";
  readonly data: unknown;
}

type Listener = (message: LiveMessage) => void;

interface Changed {
  readonly stations: Set<string>;
  readonly sessions: Set<string>;
  readonly commands: Set<string>;
}

export class LiveFeed {
  private readonly context: ApiOptions;
  private readonly listeners = new Set<Listener>();
  private readonly changed = new Map<PartyId, Changed>();
  private readonly seen = new Map<number, number>();
  private timer: Timer | undefined;
  private poll: Timer | undefined;
  private stopped = false;
  private endRegistry: (() => void) | undefined;
  private endWatch: (() => void) | undefined;

  constructor(context: ApiOptions) {
    this.context = context;
  }

  start(): void {
    const { projector, registry } = this.context;
    if (!projector) void this.pollPositions();
    this.endRegistry = registry.onChange(({ party, entity, id }) => {
      if (entity === "station" && this.listeners.size > 0) {
        this.of(party).stations.add(id);
        this.schedule();
      }
    });
  }

  stop(): void {
    this.stopped = true;
    this.endWatch?.();
    this.endRegistry?.();
    this.timer?.cancel();
    this.poll?.cancel();
    this.listeners.clear();
  }

  /** @returns a function that ends it. */
  subscribe(listener: Listener): () => void {
    this.listeners.add(listener);
    this.endWatch ??= this.context.projector?.watch((changes) => this.note(changes));
    return () => {
      this.listeners.delete(listener);
      if (this.listeners.size > 0) return;
      this.endWatch?.();
      this.endWatch = undefined;
    };
  }

  private note(changes: Changes): void {
    if (this.listeners.size === 0) return;
    if (changes === "many") return this.tellReset();
    for (const { party, kind, id } of changes) this.of(party)[`${kind}s`].add(id);
    this.schedule();
  }

  private tellReset(): void {
    for (const party of this.context.registry.parties()) {
      this.tell({ party: trusted.party(party), event: "reset", data: { reason: "many changes at once" } });
    }
  }

  private of(party: PartyId): Changed {
    const known = this.changed.get(party);
    if (known) return known;
    const fresh = { stations: new Set<string>(), sessions: new Set<string>(), commands: new Set<string>() };
    this.changed.set(party, fresh);
    return fresh;
  }

  private schedule(): void {
    this.timer ??= this.context.clock.after(gatherMs, () => void this.publish());
  }

  private async publish(): Promise<void> {
    const batch = [...this.changed];
    this.changed.clear();
    this.timer = undefined;
    try {
      for (const [party, changed] of batch) await this.publishParty(party, changed);
    } catch (error) {
      this.context.logger.warn({ err: error }, "live changes could not be loaded");
    }
  }

  private async publishParty(party: PartyId, { stations, sessions, commands }: Changed): Promise<void> {
    if (stations.size + sessions.size + commands.size > changesMax) {
      this.tell({ party, event: "reset", data: { reason: "many changes at once" } });
      return;
    }
    const { reader } = this.context.store;
    for (const station of (await loadStations(this.context, party, [...stations])).values()) {
      this.tell({ party, event: "status", data: station });
    }
    if (sessions.size > 0) {
      const rows = reader
        .selectFrom("live_session")
        .selectAll()
        .where("party", "=", party)
        .where("id", "in", [...sessions]);
      for (const row of await rows.execute()) this.tell({ party, event: "session", data: showSession(row) });
    }
    if (commands.size > 0) {
      const rows = reader
        .selectFrom("live_command")
        .selectAll()
        .where("party", "=", party)
        .where("id", "in", [...commands]);
      for (const row of await rows.execute()) this.tell({ party, event: "command", data: showCommand(row) });
    }
  }

  private tell(message: LiveMessage): void {
    for (const listener of this.listeners) listener(message);
  }

  /** Where the projector runs elsewhere, its position rows say what is new. */
  private async pollPositions(): Promise<void> {
    try {
      const rows = await this.context.store.reader
        .selectFrom("position")
        .select(["partition", "next"])
        .where("role", "=", "projector")
        .where("topic", "=", this.context.log.topics.events.name)
        .execute();
      for (const { partition, next } of rows) await this.readNew(partition, next);
    } catch (error) {
      this.context.logger.warn({ err: error }, "live changes could not be polled");
    }
    if (!this.stopped) this.poll = this.context.clock.after(pollMs, () => void this.pollPositions());
  }

  private async readNew(partition: number, next: number): Promise<void> {
    const from = this.seen.get(partition) ?? next;
    this.seen.set(partition, next);
    if (from >= next || this.listeners.size === 0) return;
    if (next - from > behindMax) {
      this.tellReset();
      return;
    }
    for await (const { records } of this.context.log.read(this.context.log.topics.events, partition, from, next)) {
      this.note(records.map(({ value }) => changeOf(decodeEvent(value))));
    }
  }
}
