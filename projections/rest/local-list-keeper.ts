// Keeps local authorisation lists in step without being asked (2.0.1 D01, D02; 1.6 §5.15): a station is looked at once it has
// booted, and again when its list says something else. Every api does it; the messages carry keys, so that a station is
// sent one of each version. Nothing is remembered beyond the process: after a restart each station is asked for its version.
import { createHash } from "node:crypto";

import { trusted, type PartyId, type StationId } from "../../core/ids/ids.ts";
import type { LocalListDoc } from "../../core/registry/entities.ts";
import type { Protocol } from "../../core/records/frame-record.ts";
import { messageOf } from "../../core/runtime/errors.ts";
import { Rounds } from "../../core/runtime/rounds.ts";
import { Applicable, type Kind } from "./applies-to.ts";
import { asProtocol } from "./command-check.ts";
import type { CommandSender } from "./command-sender.ts";
import { Patience } from "./connected.ts";
import type { ApiOptions } from "./context.ts";
import { wantedEntries, type LocalListSync, type Synced } from "./local-list-sync.ts";
import type { Principal } from "./principal.ts";

const pollMs = 1_000;
/** Between looks at every station that is online those are served that it found. A large fleet is looked at less often. */
const lookEachMs = 2_000;
const timesItTook = 20;
const pageRows = 1_000;
/** A fleet that comes back is asked for its versions without a storm. */
const servedAPoll = 20;
const waitSeconds = 60;
/** After a station that did not take it, or did not answer; doubled each time. */
const againMs = 60_000;
const longestAgainMs = 3_600_000;

interface Found {
  readonly party: PartyId;
  readonly station: StationId;
  readonly protocol: Protocol;
  readonly list: LocalListDoc;
  /** The list's content, and the boot that it is for. */
  readonly wanted: string;
}

interface Known {
  /** What it has been brought to. */
  readonly wanted: string;
  readonly failures: number;
  /** Monotonic ms; Infinity: it is in step. */
  readonly notBefore: number;
}

export class LocalListKeeper {
  private readonly context: ApiOptions;
  private readonly sender: CommandSender;
  private readonly lists: LocalListSync;
  /** By party/station. */
  private readonly known = new Map<string, Known>();
  private waiting: Found[] = [];
  private lookAt = Number.NEGATIVE_INFINITY;
  private readonly rounds: Rounds;

  constructor(context: ApiOptions, sender: CommandSender, lists: LocalListSync) {
    this.context = context;
    this.sender = sender;
    this.lists = lists;
    this.rounds = new Rounds(context.clock, pollMs, () => this.work());
  }

  start(): void {
    this.rounds.start();
  }

  stop(): Promise<void> {
    return this.rounds.stop();
  }

  private async work(): Promise<void> {
    const { clock, logger } = this.context;
    try {
      const began = clock.monotonic();
      if (began >= this.lookAt) {
        this.waiting = await this.find();
        this.lookAt = began + Math.max(lookEachMs, timesItTook * (clock.monotonic() - began));
      }
      await Promise.all(this.waiting.splice(0, servedAPoll).map((found) => this.serve(found)));
    } catch (error) {
      logger.warn({ err: error }, "local lists cannot be kept in step; they are looked at again");
    }
  }

  private async find(): Promise<Found[]> {
    const { registry } = this.context;
    const found: Found[] = [];
    const online = new Set<string>();
    for (const party of [...registry.parties()].map(trusted.party)) {
      const lists = [...registry.ids(party, "localList")];
      const isKept = lists.some((id) => registry.find(party, "localList", id)?.doc.automatic !== false);
      if (isKept) found.push(...(await this.findOf(party, online)));
    }
    for (const key of this.known.keys()) if (!online.has(key)) this.known.delete(key);
    return found;
  }

  private async findOf(party: PartyId, online: Set<string>): Promise<Found[]> {
    const applicable = new Applicable(this.context.registry, party, "localList");
    const digests = new Map<string, string | undefined>();
    const found: Found[] = [];
    for await (const row of this.onlineOf(party)) {
      const protocol = asProtocol(row.protocol);
      const list = applicable.of(row);
      if (!protocol || !list || list.automatic === false) continue;
      const id = `${list.id}/${protocol}`;
      if (!digests.has(id)) digests.set(id, this.digestOf(party, protocol, list));
      const digest = digests.get(id);
      if (digest === undefined) continue;
      online.add(keyOf(party, row.station));
      const one = {
        party,
        station: trusted.station(row.station),
        protocol,
        list,
        wanted: `${digest}/${row.booted_at}`,
      };
      if (this.isDue(one)) found.push(one);
    }
    return found;
  }

  private isDue({ party, station, wanted }: Found): boolean {
    const known = this.known.get(keyOf(party, station));
    return known?.wanted !== wanted || known.notBefore <= this.context.clock.monotonic();
  }

  private async *onlineOf(party: PartyId): AsyncGenerator<Kind & { readonly booted_at: number | null }> {
    for (let after: string | undefined = ""; after !== undefined;) {
      const rows = await this.context.store.reader
        .selectFrom("live_station")
        .select(["station", "protocol", "vendor", "model", "booted_at", "online"])
        .where("party", "=", party)
        .where("station", ">", after)
        .orderBy("station")
        .limit(pageRows)
        .execute();
      // A station that has never booted here may not be asked anything yet.
      for (const row of rows) if (row.online === 1 && row.booted_at !== null) yield row;
      after = rows.length < pageRows ? undefined : rows.at(-1)!.station;
    }
  }

  /** @returns undefined where it has more entries than a list can have. */
  private digestOf(party: PartyId, protocol: Protocol, list: LocalListDoc): string | undefined {
    const hash = createHash("sha256");
    try {
      for (const [key, { data }] of wantedEntries(this.context, party, protocol, list)) {
        hash.update(`${key} ${JSON.stringify(data)}\n`);
      }
      return hash.digest("base64");
    } catch (error) {
      this.context.logger.warn({ party, list: list.id, why: messageOf(error) }, "a local list is not kept in step");
      return undefined;
    }
  }

  private async serve(found: Found): Promise<void> {
    const { context, sender, lists } = this;
    const { party, station, protocol, list, wanted } = found;
    // Asked for by somebody at this moment: the next look tells whether it was enough.
    if (this.rounds.isStopped || lists.isBusy(party, station)) return;
    const patience = new Patience(context.clock, waitSeconds);
    const principal = principalOf(party);
    try {
      const synced = await lists.sync(
        { context, sender, principal, station, protocol, patience, keyOf: keyOfMessage },
        list,
      );
      this.conclude(found, synced);
    } catch (error) {
      context.metrics.localListSyncs.inc({ result: "failed" });
      this.again(party, station, wanted);
      context.logger.warn({ party, station, list: list.id, why: messageOf(error) }, "a local list is not in step");
    }
  }

  private conclude({ party, station, list, wanted }: Found, { result, version }: Synced): void {
    const { metrics, logger } = this.context;
    metrics.localListSyncs.inc({ result });
    if (result === "refused" || result === "unfinished") {
      this.again(party, station, wanted);
      logger.warn({ party, station, list: list.id, result, version }, "a local list is not in step");
      return;
    }
    this.known.set(keyOf(party, station), { wanted, failures: 0, notBefore: Number.POSITIVE_INFINITY });
  }

  private again(party: PartyId, station: StationId, wanted: string): void {
    const key = keyOf(party, station);
    const before = this.known.get(key);
    const failures = before?.wanted === wanted ? before.failures + 1 : 1;
    const pause = Math.min(againMs * 2 ** (failures - 1), longestAgainMs);
    this.known.set(key, { wanted, failures, notBefore: this.context.clock.monotonic() + pause });
  }
}

function keyOf(party: string, station: string): string {
  return `${party}/${station}`;
}

/** Versions are used once, whatever becomes of a message: the same version with the same content is the same message. */
function keyOfMessage(action: string, payload: object): string | undefined {
  if (action !== "SendLocalList") return undefined;
  return `local-list ${createHash("sha256").update(JSON.stringify(payload)).digest("hex")}`;
}

function principalOf(party: PartyId): Principal {
  return { actor: "local-list", role: "operator", party, via: "rule" };
}
