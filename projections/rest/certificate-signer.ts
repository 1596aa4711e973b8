// Takes what stations ask to be signed to the CertificateAuthority, and its answer to the station as CertificateSigned
// (2.0.1 A02, A03; 1.6 security whitepaper §4.4). What is open is read from the documents, so a restart forgets nothing;
// every api does it, and the idempotency key sees to it that a station is given one certificate a request.
import { createHash } from "node:crypto";

import { trusted, type PartyId, type StationId } from "../../core/ids/ids.ts";
import type { CertificateAuthority } from "../../core/ports/ports.ts";
import { noticeKey, timeOfNotice } from "../../core/records/station-documents.ts";
import { messageOf } from "../../core/runtime/errors.ts";
import { Rounds } from "../../core/runtime/rounds.ts";
import type { CommandSender } from "./command-sender.ts";
import type { ApiOptions } from "./context.ts";
import { Problem } from "./problems.ts";
import type { Principal } from "./principal.ts";

const pollMs = 1_000;
/** A station that was given nothing for so long asks again (2.0.1: CertSigningWaitMinimum and its doublings). */
const openMs = 24 * 3_600_000;
/** After an authority that did not answer, a station that did not, or one that went away. */
const againMs = 60_000;
/** The projection may be behind so far without a request being found only by the next whole look. */
const recentMs = 5 * 60_000;
const wholeLookMs = 10 * 60_000;
const atOnce = 8;

interface Open {
  readonly party: PartyId;
  readonly station: StationId;
  readonly key: string;
  readonly type: string;
  readonly csr: string;
  /** Monotonic ms; Infinity: the authority has refused it. */
  notBefore: number;
}

interface RequestDocument {
  readonly type: string;
  readonly csr: string;
  readonly answered: string | null;
}

interface SentDocument {
  readonly type: string | null;
}

export class CertificateSigner {
  private readonly context: ApiOptions;
  private readonly authority: CertificateAuthority;
  private readonly sender: CommandSender;
  /** The newest request of each party, station and use that was followed by no certificate. */
  private readonly open = new Map<string, Open>();
  private wholeLookAt = Number.NEGATIVE_INFINITY;
  private readonly rounds: Rounds;

  constructor(context: ApiOptions, authority: CertificateAuthority, sender: CommandSender) {
    this.context = context;
    this.authority = authority;
    this.sender = sender;
    this.rounds = new Rounds(context.clock, pollMs, () => this.look());
  }

  start(): void {
    this.rounds.start();
  }

  stop(): Promise<void> {
    return this.rounds.stop();
  }

  private async look(): Promise<void> {
    const { clock, registry, logger } = this.context;
    try {
      const isWhole = clock.monotonic() >= this.wholeLookAt + wholeLookMs;
      const since = clock.now() - (isWhole ? openMs : recentMs);
      for (const party of registry.parties()) await this.read(trusted.party(party), keyAt(since));
      if (isWhole) this.wholeLookAt = clock.monotonic();
      const oldest = keyAt(clock.now() - openMs);
      for (const [use, { key }] of this.open) if (key < oldest) this.open.delete(use);
      const due = [...this.open.values()].filter(({ notBefore }) => notBefore <= clock.monotonic());
      for (let at = 0; at < due.length && !this.rounds.isStopped; at += atOnce) {
        await Promise.all(due.slice(at, at + atOnce).map((one) => this.serve(one)));
      }
    } catch (error) {
      logger.warn({ err: error }, "certificate requests cannot be served; they are looked at again");
    }
  }

  private async read(party: PartyId, since: string): Promise<void> {
    const [requests, sent] = await Promise.all([
      this.noticesOf(party, "certificateRequests", since),
      this.noticesOf(party, "certificatesSent", since),
    ]);
    for (const { station, key, document } of requests) {
      const { type, csr, answered } = document as RequestDocument;
      const use = useOf(party, station, type);
      if (answered !== "Accepted" || key <= (this.open.get(use)?.key ?? "")) continue;
      this.open.set(use, { party, station, key, type, csr, notBefore: 0 });
    }
    for (const { station, key, document } of sent) {
      const use = useOf(party, station, (document as SentDocument).type ?? "");
      const open = this.open.get(use);
      if (open && key > open.key) this.open.delete(use);
    }
  }

  private async noticesOf(party: PartyId, collection: "certificateRequests" | "certificatesSent", since: string) {
    const rows = await this.context.store.reader
      .selectFrom("live_station_document")
      .select(["station", "key", "document"])
      .where("party", "=", party)
      .where("collection", "=", collection)
      .where("key", ">=", since)
      .orderBy("key")
      .execute();
    return rows.map(({ station, key, document }) => ({
      station: trusted.station(station),
      key,
      document: JSON.parse(document ?? "{}") as unknown,
    }));
  }

  private async serve(one: Open): Promise<void> {
    const { context } = this;
    const { clock } = context;
    const { party, station, type, csr } = one;
    // Offline: its request stays open, and it is looked at again when somebody holds it.
    if (!(await context.bus.owner(party, station))) return;
    const doc = context.registry.find(party, "station", station)?.doc;
    const commonName = doc?.serialNumber ?? station;
    const result = await this.authority.sign({ party, station, type, csr, commonName });
    context.metrics.certificateSignings.inc({ result: result.result });
    if (result.result === "signed") {
      await this.send(one, result.chain);
      return;
    }
    one.notBefore = result.result === "refused" ? Number.POSITIVE_INFINITY : clock.monotonic() + againMs;
    context.logger.warn({ party, station, type, why: result.why }, `a certificate request: ${result.result}`);
  }

  private async send(one: Open, certificateChain: string): Promise<void> {
    const { party, station, type } = one;
    const { clock, bus, logger } = this.context;
    const protocol = (await bus.owner(party, station))?.protocol;
    const payload = protocol === "ocpp1.6" ? { certificateChain } : { certificateChain, certificateType: type };
    // A try a minute: the certificate of a second one is another one, and needs a key of its own.
    const attempt = Math.floor((clock.now() - timeOfNotice(one.key)) / againMs);
    const idempotencyKey = createHash("sha256").update(`${one.key} ${type} ${attempt}`).digest("hex");
    one.notBefore = clock.monotonic() + againMs;
    try {
      await this.sender.request(
        principalOf(party),
        station,
        { action: "CertificateSigned", payload, idempotencyKey },
        0,
      );
    } catch (error) {
      // `invalid`: another api was first with this attempt's key.
      if (error instanceof Problem && error.kind === "invalid") return;
      logger.warn({ party, station, why: messageOf(error) }, "a certificate could not be sent; it is tried again");
    }
  }
}

function keyAt(logTime: number): string {
  return noticeKey({ logTime, offset: 0 });
}

function useOf(party: PartyId, station: StationId, type: string): string {
  return `${party}/${station}/${type}`;
}

function principalOf(party: PartyId): Principal {
  return { actor: "certificate-authority", role: "operator", party, via: "rule" };
}
