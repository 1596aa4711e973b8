// L5: each command reached a charger at most once, and its outcome agrees with what the station saw.
import type { Kysely } from "kysely";

import type { CommandRow, Schema } from "../../core/store/tables.ts";
import { isCut, type CommandFacts, type JournalFacts } from "./journal-facts.ts";
import { sha256, type LoggedFrame } from "./log-facts.ts";
import { Findings, type Check } from "./report.ts";

/** Outcomes that say: the station answered. */
const answeredOutcomes = new Set(["accepted", "rejected", "error"]);
/** Outcomes that say: it never reached the station. */
const unsentOutcomes = new Set(["not_connected", "expired"]);

export class CommandCheck {
  private readonly facts: JournalFacts;
  private readonly findings = new Findings();
  /** `command sent` records by id; more than one means that two nodes held the station. */
  private readonly sent = new Map<string, number>();

  constructor(facts: JournalFacts) {
    this.facts = facts;
  }

  frame({ record }: LoggedFrame): void {
    if (record.kind === "commandSent") this.sent.set(record.commandId, (this.sent.get(record.commandId) ?? 0) + 1);
    if (record.kind !== "commandResult") return;
    const { commandId, frame, station } = record;
    const said = this.facts.commands.get(commandId);
    if (!said || this.mayBeCut(said)) return;
    if (said.answers.some((answer) => answer.sha === sha256(frame) && answer.sent)) return;
    this.findings.problem(
      "result",
      () => `The log holds an answer of ${station} to command ${commandId} that it never gave.`,
    );
  }

  /** It arrived, and the simulator was killed before it noted what it answered. */
  private mayBeCut(said: CommandFacts): boolean {
    return isCut(this.facts) && said.received.length > 0 && said.answers.length === 0;
  }

  async finish(db: Kysely<Schema>): Promise<Check> {
    const { facts, findings } = this;
    const rows = new Map<string, CommandRow>();
    for (const row of await db.selectFrom("live_command").selectAll().execute()) {
      if (facts.stations.has(row.station) && row.last_updated >= facts.startedAt) rows.set(row.id, row);
    }
    const ids = new Set([...facts.commands.keys(), ...rows.keys()]);
    for (const id of ids) this.checkOne(id, facts.commands.get(id), rows.get(id));
    if (ids.size === 0 && facts.declared.has("commands")) {
      findings.problem("empty", () => "The journal declares commands and there are none: nothing was proven.");
    }
    return findings.check("L5", "commands against what the stations saw", ids.size);
  }

  private checkOne(id: string, said: CommandFacts | undefined, row: CommandRow | undefined): void {
    const { findings } = this;
    const received = said?.received ?? [];
    if (received.length > 0) findings.count("reached");
    if (received.length > 1)
      findings.problem("twice", () => `Command ${id} reached ${received[0]!.station} ${received.length} times.`);
    if ((this.sent.get(id) ?? 0) > 1)
      findings.problem("sentTwice", () => `Command ${id} was sent ${this.sent.get(id)} times, says the log.`);
    if (!row) {
      const accepted =
        said?.requested !== undefined && said.requested.httpStatus >= 200 && said.requested.httpStatus < 300;
      if (accepted || received.length > 0)
        findings.problem("unknown", () => `Command ${id} was asked for or received, and has no row.`);
      return;
    }
    if (row.status !== "done" || row.outcome === null) {
      return findings.problem("open", () => `Command ${id} to ${row.station} has not ended: it is ${row.status}.`);
    }
    findings.count(row.outcome);
    const told = said?.requested;
    if (told?.outcome && told.outcome !== row.outcome) {
      findings.problem(
        "told",
        () => `Command ${id}: the caller was told ${told.outcome}, the table says ${row.outcome}.`,
      );
    }
    this.agrees(id, row, said);
  }

  private agrees(id: string, row: CommandRow, said: CommandFacts | undefined): void {
    const { findings } = this;
    const outcome = row.outcome!;
    const received = (said?.received.length ?? 0) > 0;
    const disagree = (why: string) =>
      findings.problem("disagrees", () => `Command ${id} to ${row.station}: the outcome is ${outcome}, but ${why}.`);
    if (unsentOutcomes.has(outcome) && received) return disagree("it reached the station");
    if (!answeredOutcomes.has(outcome)) {
      if (row.late_response !== null && !this.gave(said, row.late_response))
        disagree("its late answer was never given");
      return;
    }
    if (!received) return disagree("it never reached the station");
    if (this.mayBeCut(said!)) return findings.count("answerNotNoted");
    if (row.response === null || !this.gave(said, row.response))
      return disagree("the station gave another answer, or none");
    const answer = said!.answers.find((given) => given.sent)!;
    if ((answer.type === 4) !== (outcome === "error"))
      return disagree(`the station answered with message type ${answer.type}`);
    if (answer.type === 3 && answer.status === "Accepted" && outcome !== "accepted")
      disagree("the station accepted it");
    if (answer.type === 3 && answer.status === "Rejected" && outcome !== "rejected")
      disagree("the station rejected it");
  }

  private gave(said: CommandFacts | undefined, response: string): boolean {
    const sha = sha256(new TextEncoder().encode(response));
    return said?.answers.some((answer) => answer.sha === sha && answer.sent) ?? false;
  }
}
