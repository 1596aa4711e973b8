// A gateway's counters. A labelled prom-client counter costs half a microsecond, so frames are counted in plain numbers
// and handed over once a second.
import { actions } from "../core/ocpp/actions.ts";
import type { Annotation } from "../core/records/annotations.ts";
import type { Protocol } from "../core/records/frame-record.ts";
import type { Metrics } from "../core/runtime/metrics.ts";
import type { Appender } from "./append/appender.ts";
import type { CloseReason } from "./connection/close-codes.ts";
import type { Connection } from "./connection/connection.ts";

interface FrameCount {
  readonly action: string;
  readonly version: Protocol;
  count: number;
}

const versions: readonly Protocol[] = ["ocpp1.6", "ocpp2.0.1", "ocpp2.1"];

/** Below this age a takeover is no station that comes back after its link broke. */
const flapMs = 60_000;

/** Stations wait for 30 s; what takes longer than this is worth a look at its record. */
const slowAnswerMs = 1_000;

/** Which CALL, and where its record is in the log of frames. */
export interface SlowAnswer {
  readonly ms: number;
  readonly station: string;
  readonly connectionId: string;
  readonly messageId: string;
  readonly partition: number;
  readonly offset: number;
}

export class GatewayMetrics {
  /** CALLs that wait for the log. */
  unanswered = 0;
  /** Repeats that were answered from the duplicate window. */
  repeatedCalls = 0;
  private slowestMs = slowAnswerMs;
  private slowest: SlowAnswer | undefined;
  private readonly metrics: Metrics;
  private readonly frames = new Map<Protocol, Map<string, FrameCount>>();
  private readonly others = new Map<Protocol, FrameCount>();
  private readonly annotations = new Map<Annotation, number>();

  constructor(metrics: Metrics) {
    this.metrics = metrics;
    for (const version of versions) {
      const row = (action: string): FrameCount => ({ action, version, count: 0 });
      this.frames.set(version, new Map([...actions[version].keys()].map((action) => [action, row(action)])));
      this.others.set(version, row("other"));
    }
  }

  /** An action that is not OCPP's is `other`: a station must not be able to make label values. */
  received(version: Protocol, action: string): void {
    const count = this.frames.get(version)?.get(action) ?? this.others.get(version);
    if (count) count.count++;
  }

  annotated(annotations: readonly Annotation[]): void {
    for (const word of annotations) this.annotations.set(word, (this.annotations.get(word) ?? 0) + 1);
  }

  /** @param ms from the CALL's arrival to its answer. @param offset of its record */
  answered(ms: number, connection: Connection, messageId: string, offset: number): void {
    this.metrics.answerSeconds.observe(ms / 1000);
    if (ms <= this.slowestMs) return;
    this.slowestMs = ms;
    const { station, partition, id } = connection;
    this.slowest = { ms: Math.round(ms), station, connectionId: id, messageId, partition, offset };
  }

  /** The slowest answer since the last call, where one took longer than a second: the way from the histogram to a record. */
  takeSlowest(): SlowAnswer | undefined {
    const { slowest } = this;
    this.slowest = undefined;
    this.slowestMs = slowAnswerMs;
    return slowest;
  }

  opened(connection: Connection): void {
    this.metrics.connections.inc({ version: connection.protocol, profile: connection.profileLabel });
  }

  closed(connection: Connection, code: number, reason: CloseReason): void {
    this.metrics.connections.dec({ version: connection.protocol, profile: connection.profileLabel });
    this.metrics.closes.inc({ code: String(code), reason });
  }

  upgraded(result: string): void {
    this.metrics.upgrades.inc({ result });
  }

  refusedCredentials(reason: string): void {
    this.metrics.authFailures.inc({ reason });
  }

  /** Somebody who is no listed proxy handed on a certificate. */
  unbelieved(): void {
    this.metrics.unbelievedCertificates.inc();
  }

  oldKeyUsed(): void {
    this.metrics.oldKeys.inc();
  }

  /** @param ageMs of the connection that was taken over */
  takeover(ageMs: number): void {
    this.metrics.takeovers.inc();
    if (ageMs < flapMs) this.metrics.flaps.inc();
  }

  /** @param forMs since the drain began; 0: there is none. @param graceMs what it may take */
  draining(forMs: number, graceMs: number): void {
    this.metrics.drainingSeconds.set(forMs / 1000);
    this.metrics.drainGraceSeconds.set(graceMs / 1000);
  }

  quarantined(): void {
    this.metrics.quarantine.inc({ stage: "gateway" });
  }

  appendRejected(): void {
    this.metrics.logAnomalies.inc({ kind: "rejected" });
  }

  partitionStalled(): void {
    this.metrics.logAnomalies.inc({ kind: "stalled" });
  }

  /** Once a second. */
  publish(appender: Pick<Appender, "queuedBytes" | "oldestMs" | "sickPartitions">): void {
    for (const [version, counts] of this.frames) {
      for (const count of counts.values()) this.publishFrames(count);
      const other = this.others.get(version);
      if (other) this.publishFrames(other);
    }
    for (const [annotation, count] of this.annotations) this.metrics.annotations.inc({ annotation }, count);
    this.annotations.clear();
    if (this.repeatedCalls > 0) this.metrics.annotations.inc({ annotation: "repeatedCall" }, this.repeatedCalls);
    this.repeatedCalls = 0;
    this.metrics.unanswered.set(this.unanswered);
    this.metrics.logQueueBytes.set(appender.queuedBytes());
    this.metrics.partitionsRefusing.set(appender.sickPartitions());
    this.metrics.oldestUnanswered.set(appender.oldestMs() / 1000);
  }

  private publishFrames(row: FrameCount): void {
    if (row.count === 0) return;
    this.metrics.framesReceived.inc({ action: row.action, version: row.version }, row.count);
    row.count = 0;
  }
}
