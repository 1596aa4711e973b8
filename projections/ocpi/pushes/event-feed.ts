// What of `charging.events` partners are told: CDRs and sessions of their tokens, EVSEs whose status has changed.
import type { PartyId } from "../../../core/ids/ids.ts";
import { limits } from "../../../core/config/limits.ts";
import type { LogBatch } from "../../../core/log/log.ts";
import { logKey, trusted } from "../../../core/ids/ids.ts";
import { partitionOf } from "../../../core/log/partition.ts";
import { CorruptRecordError } from "../../../core/records/codec.ts";
import { decodeEvent, type DomainEvent } from "../../../core/records/domain-event.ts";
import { tokenKey, type TokenDoc } from "../../../core/registry/entities.ts";
import { Rounds } from "../../../core/runtime/rounds.ts";
import type { Change } from "../../../core/store/store.ts";
import { docAtTime } from "../places.ts";
import type { EvseStatuses } from "./evse-statuses.ts";
import { Feed } from "./feed.ts";
import { markChange, type Mark } from "./marks.ts";
import type { PushNeeds } from "./needs.ts";
import { receiverOf } from "./peers.ts";
import { profileMarks } from "./profile-marks.ts";
import { endedCommands, resultMarks } from "./result-marks.ts";

/** A station offline for the grace has no event of its own to say so. */
const offlineLookMs = 15_000;
const keysPerQuery = 400;

export class EventFeed {
  private readonly needs: PushNeeds;
  private readonly partition: number;
  private readonly statuses: EvseStatuses;
  private readonly feed: Feed;
  private readonly rounds: Rounds;
  /** Offline since before then was looked at; epoch ms. */
  private offlineUntil: number | undefined;

  constructor(needs: PushNeeds, partition: number, statuses: EvseStatuses, owns: (() => Promise<boolean>) | undefined) {
    this.needs = needs;
    this.partition = partition;
    this.statuses = statuses;
    this.feed = new Feed(needs, {
      topic: needs.log.topics.events,
      partition,
      behind: "projector",
      owns,
      begin: () => this.lookAtAll(),
      conclude: (batch) => this.conclude(batch),
    });
    this.rounds = new Rounds(needs.clock, offlineLookMs, () => this.lookAtOffline());
  }

  get problem(): string | undefined {
    return this.feed.problem;
  }

  start(): void {
    this.feed.start();
    this.rounds.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.rounds.stop(), this.feed.stop()]);
  }

  private async conclude({ records }: LogBatch): Promise<readonly Change[]> {
    const events = records.flatMap(({ value }) => readable(value) ?? []);
    const stations = new Map<PartyId, Set<string>>();
    for (const { party, station, body } of events) {
      if (!statusKinds.has(body.kind) && !(body.kind === "sessionUpdated" && body.start)) continue;
      const some = stations.get(party) ?? new Set();
      stations.set(party, some.add(station));
    }
    const { needs } = this;
    const ended = await endedCommands(needs, events);
    const found = await Promise.all([this.sessionMarks(events), profileMarks(needs, events, ended)]);
    const marks = [...this.cdrMarks(events), ...resultMarks(needs, ended), ...found.flat()];
    return this.changesOf(marks, stations, records.at(-1)!.logTime);
  }

  private async changesOf(
    marks: readonly Mark[],
    stations: ReadonlyMap<PartyId, Iterable<string>>,
    due: number,
  ): Promise<readonly Change[]> {
    const all = [...marks];
    const changes: Change[] = [];
    for (const [party, some] of stations) {
      const changed = await this.statuses.ofStations(party, some, due);
      changes.push(changed.rows);
      all.push(...changed.marks);
    }
    return [...changes, await markChange(this.needs.store.reader, all)];
  }

  private *cdrMarks(events: readonly DomainEvent[]): Generator<Mark> {
    const { registry } = this.needs;
    for (const { party, body, logTime } of events) {
      if (body.kind !== "cdrIssued" || body.cdr.idToken === null) continue;
      const key = tokenKey(body.cdr.idToken);
      const token = registry.find(party, "token", key, body.cdr.registry)?.doc;
      const partner = this.ownerOf(party, token ?? this.tokenAt(party, key, -Infinity), "cdrs");
      if (partner !== undefined) yield { party, partner, kind: "cdrs", object: body.cdr.id, due: logTime };
    }
  }

  private async sessionMarks(events: readonly DomainEvent[]): Promise<readonly Mark[]> {
    const due = new Map<string, number>();
    for (const { body, logTime } of events) {
      if (!("sessionId" in body) || body.kind === "cdrWithheld") continue;
      // Readings come every few seconds; beginning and end are told at once.
      const at = body.kind === "sessionUpdated" ? logTime + limits.ocpiSessionPushMs : logTime;
      due.set(body.sessionId, Math.min(at, due.get(body.sessionId) ?? at));
    }
    const marks: Mark[] = [];
    const ids = [...due.keys()];
    for (let at = 0; at < ids.length; at += keysPerQuery) {
      const rows = await this.needs.store.reader
        .selectFrom("live_session")
        .select(["id", "party", "id_token", "started_at", "last_updated"])
        .where("id", "in", ids.slice(at, at + keysPerQuery))
        .execute();
      for (const { id, party: name, id_token: idToken, started_at: started, last_updated: updated } of rows) {
        if (idToken === null) continue;
        const party = trusted.party(name);
        const token = this.tokenAt(party, tokenKey(idToken), Math.min(started, updated));
        const partner = this.ownerOf(party, token, "sessions");
        if (partner !== undefined) marks.push({ party, partner, kind: "sessions", object: id, due: due.get(id)! });
      }
    }
    return marks;
  }

  private tokenAt(party: PartyId, key: string, ms: number): TokenDoc | undefined {
    return docAtTime(this.needs.registry, party, "token", key, ms) as TokenDoc | undefined;
  }

  /** Of the partner whose token it is, where it takes such pushes. */
  private ownerOf(party: PartyId, token: TokenDoc | undefined, module: "cdrs" | "sessions"): string | undefined {
    const id = token?.roaming?.partner;
    const doc = id === undefined ? undefined : this.needs.registry.find(party, "partner", id)?.doc;
    return doc && receiverOf(doc, module) !== undefined ? doc.id : undefined;
  }

  /** What changed while nobody looked, and for the first time what there is to be compared with later. */
  private async lookAtAll(): Promise<readonly Change[]> {
    const { clock } = this.needs;
    this.offlineUntil = clock.now() - limits.ocpiOfflineGraceMs;
    const stations = new Map<PartyId, Set<string>>();
    for (const { party, station } of this.statuses.stations()) {
      const home = partitionOf(logKey(party, trusted.station(station)), this.needs.log.topics.events.partitions);
      if (home !== this.partition) continue;
      stations.set(party, (stations.get(party) ?? new Set()).add(station));
    }
    return this.changesOf([], stations, clock.now());
  }

  private async lookAtOffline(): Promise<void> {
    const { store, clock, logger } = this.needs;
    if (!this.feed.isFollowing || this.offlineUntil === undefined) return;
    const until = clock.now() - limits.ocpiOfflineGraceMs;
    try {
      const rows = await store.reader
        .selectFrom("live_station")
        .select(["party", "station"])
        .where("partition", "=", this.partition)
        .where("online", "=", 0)
        .where("last_updated", ">", this.offlineUntil)
        .where("last_updated", "<=", until)
        .execute();
      const stations = Map.groupBy(rows, ({ party }) => trusted.party(party));
      const named = new Map([...stations].map(([party, some]) => [party, some.map(({ station }) => station)]));
      if (rows.length > 0) await store.write({ changes: await this.changesOf([], named, clock.now()) });
      this.offlineUntil = until;
    } catch (error) {
      logger.warn({ err: error }, "stations that are offline cannot be looked at for partners; it is tried again");
    }
  }
}

const statusKinds: ReadonlySet<string> = new Set([
  "connectorStatus",
  "stationOnline",
  "stationOffline",
  "sessionStarted",
  "sessionEnded",
]);

/** What cannot be read stopped its station's projection, which says so; a newer process's stops the projection itself. */
function readable(value: Uint8Array): DomainEvent | undefined {
  try {
    return decodeEvent(value);
  } catch (error) {
    if (error instanceof CorruptRecordError) return undefined;
    throw error;
  }
}
