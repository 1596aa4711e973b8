// What a gateway itself changes in the registry: it makes unknown stations known, ends the life of passwords, and notes
// what a boot said. Nobody waits for these: whatever was lost is written when its cause comes again.
import { randomUUID } from "node:crypto";
import { logKey, type PartyId, type StationId } from "../../core/ids/ids.ts";
import type { EventLog } from "../../core/log/log.ts";
import { encodeChange } from "../../core/records/registry-change.ts";
import type { StationDoc } from "../../core/registry/entities.ts";
import type { Clock } from "../../core/runtime/clock.ts";
import { messageOf } from "../../core/runtime/errors.ts";
import type { Logger } from "../../core/runtime/logger.ts";

/** Unknown identities at once; above it they are registered when they come again. */
const mostUnderWay = 10_000;
/** In one append. */
const batchChanges = 500;

interface Change {
  readonly party: PartyId;
  readonly doc: StationDoc;
  readonly expectedVersion: number;
}

export class RegistryWriter {
  private readonly log: EventLog;
  private readonly clock: Clock;
  private readonly logger: Logger;
  private readonly underWay = new Set<string>();
  private waiting: Change[] = [];
  private appending = false;

  constructor(log: EventLog, clock: Clock, logger: Logger) {
    this.log = log;
    this.clock = clock;
    this.logger = logger;
  }

  register(party: PartyId, station: StationId, acceptance: "accepted" | "pending"): void {
    // Version 0: whoever registered it meanwhile is right (rule R1).
    this.add({ party, doc: { id: station, acceptance, firstSeenAt: this.clock.now() }, expectedVersion: 0 });
  }

  endPreviousPassword(party: PartyId, doc: StationDoc, version: number): void {
    const { previousPassword: _, passwordChangedAt: __, ...rest } = doc;
    this.change(party, rest, version);
  }

  /** @param version what the change was made from: where another one was first, this one is dropped (rule R1). */
  change(party: PartyId, doc: StationDoc, version: number): void {
    this.add({ party, doc, expectedVersion: version });
  }

  private add(change: Change): void {
    const key = logKey(change.party, change.doc.id);
    if (this.underWay.has(key) || this.underWay.size >= mostUnderWay) return;
    this.underWay.add(key);
    this.waiting.push(change);
    if (!this.appending) void this.append();
  }

  private async append(): Promise<void> {
    this.appending = true;
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, batchChanges);
      try {
        await this.log.append(
          this.log.topics.registry,
          0,
          batch.map((change) => this.entry(change)),
        );
      } catch (error) {
        this.logger.warn({ error: messageOf(error) }, "stations could not be written to the registry");
      }
      for (const { party, doc } of batch) this.underWay.delete(logKey(party, doc.id));
    }
    this.appending = false;
  }

  private entry({ party, doc, expectedVersion }: Change): { key: string; value: Uint8Array } {
    const value = encodeChange({
      party,
      keyId: null,
      changeId: randomUUID(),
      entity: "station",
      id: doc.id,
      expectedVersion,
      doc,
      at: this.clock.now(),
      actor: "gateway",
    });
    return { key: logKey(party, doc.id), value };
  }
}
