// L1: every answered CALL is in the log exactly once; unanswered ones at most once; nothing else is there.
import { callKey, type JournalFacts, type SentCall } from "./journal-facts.ts";
import { sha256, type LoggedFrame, type LogScan } from "./log-facts.ts";
import { Findings, type Check } from "./report.ts";

/**
 * The log's time is taken before the sync and the answer follows it, so on one machine an answer is never older than
 * its record; this much is left to clocks that differ.
 */
const clockSlackMs = 20;

export interface CallOptions {
  /** The fleet's clock and the log's are not the same one (a fault run moves them): times are not compared. */
  readonly clocksApart: boolean;
}

export class CallCheck {
  private readonly facts: JournalFacts;
  private readonly options: CallOptions;
  private readonly findings = new Findings();
  /** Connections that were open before the journal began: another run's. */
  private readonly earlier = new Set<string>();

  constructor(facts: JournalFacts, options: CallOptions) {
    this.facts = facts;
    this.options = options;
  }

  frame({ logTime, offset, partition, record }: LoggedFrame): void {
    const place = `${partition}:${offset}`;
    switch (record.kind) {
      case "connected":
        if (logTime < this.facts.startedAt - clockSlackMs) this.earlier.add(record.source);
        return;
      case "exchange": {
        const { station, source, messageId, action } = record;
        const call = this.facts.calls.get(callKey(station, source, messageId, sha256(record.call)));
        if (call) return this.matched(call, logTime, record.answer);
        return this.unexpected(source, () => `${place}: ${action} ${messageId} of ${station} was never sent.`);
      }
      case "quarantined":
        // The fleet sends nothing that cannot be understood.
        return this.unexpected(
          record.source,
          () => `${place}: bytes of ${record.station} were quarantined (${record.reason}).`,
        );
      default:
        return;
    }
  }

  private matched(call: SentCall, logTime: number, answer: Uint8Array | null): void {
    call.inLog++;
    if (call.answers.length === 0) return;
    const logged = answer === null ? "" : sha256(answer);
    if (call.answers.some((sha) => sha !== logged)) {
      this.findings.count("otherAnswer");
      this.findings.problem("otherAnswer", () => `${nameOf(call)} got another answer than the one in the log.`);
    }
    if (!this.options.clocksApart && call.answeredAt! < logTime - clockSlackMs) {
      this.findings.count("answeredTooEarly");
      this.findings.problem(
        "answeredTooEarly",
        () => `${nameOf(call)} was answered ${logTime - call.answeredAt!} ms before it was in the log.`,
      );
    }
  }

  private unexpected(source: string, sentence: () => string): void {
    if (this.earlier.has(source)) {
      this.findings.count("ofEarlierRuns");
      return;
    }
    this.findings.count("unexpected");
    this.findings.problem("unexpected", sentence);
  }

  finish(scan: LogScan): Check {
    const { findings, facts } = this;
    const checked = facts.calls.size;
    const tally = { ok: 0, lost: 0, duplicated: 0, recovered: 0, absent: 0 };
    for (const call of facts.calls.values()) {
      const fate = fateOf(call);
      tally[fate]++;
      if (fate === "lost") findings.problem("lost", () => `${nameOf(call)} was answered and is not in the log.`);
      if (fate === "duplicated")
        findings.problem("duplicated", () => `${nameOf(call)} is in the log ${call.inLog} times.`);
    }
    const answered = tally.ok + tally.lost;
    if (checked === 0) findings.problem("empty", () => "The journal holds no CALL: nothing was proven.");
    else if (facts.declared.has("answers") && answered === 0) {
      findings.problem("empty", () => "The journal declares answers and holds none: nothing was proven.");
    }
    if (scan.unreadable > 0)
      findings.problem("unreadable", () => `${scan.unreadable} records of these stations cannot be read.`);
    const result = findings.check("L1", "CALLs and answers against the log", checked);
    const { ok, lost, duplicated, recovered, absent } = tally;
    const counts = { ok, lost, unexpected: 0, duplicated, recovered, absent, rawRepeats: scan.rawRepeats };
    return { ...result, counts: { ...counts, strayAnswers: facts.strayAnswers, ...result.counts } };
  }
}

/** `recovered`: in the log though the station never learned so. `absent`: neither answered nor in the log. */
function fateOf(call: SentCall): "ok" | "lost" | "duplicated" | "recovered" | "absent" {
  if (call.inLog > 1) return "duplicated";
  if (call.answers.length > 0) return call.inLog === 1 ? "ok" : "lost";
  return call.inLog === 1 ? "recovered" : "absent";
}

function nameOf(call: SentCall): string {
  return `${call.action} ${call.id} of ${call.station} on connection ${call.conn}`;
}
