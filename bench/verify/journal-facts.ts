// The fleet's journal, brought together: each CALL once, each transaction and command with all that was said about it.
import type {
  AnswerLine,
  CallLine,
  CommandAnswerLine,
  CommandLine,
  Declared,
  JournalLine,
  RequestedLine,
  TxEndLine,
} from "../fleet/journal-format.ts";
import { readJournal } from "../fleet/journal.ts";

/** A CALL: repeated on the same connection with the same id and bytes, it is still one. */
export interface SentCall {
  readonly station: string;
  readonly conn: string;
  readonly id: string;
  readonly action: string;
  readonly sha: string;
  /** SHA-256 of the answers that came, in the order in which they came. */
  readonly answers: string[];
  /** When the first one came, epoch ms. */
  answeredAt: number | undefined;
  /** Filled by the scan of the log. */
  inLog: number;
}

export interface TxFacts {
  readonly station: string;
  readonly tx: string;
  /** Every name that the CSMS was heard to use, as text. More than one is wattlog's fault. */
  readonly names: Set<string>;
  end: TxEndLine | undefined;
}

export interface CommandFacts {
  readonly id: string;
  readonly received: CommandLine[];
  readonly answers: CommandAnswerLine[];
  /** The last line counts. */
  requested: RequestedLine | undefined;
}

export interface JournalFacts {
  readonly declared: ReadonlySet<Declared>;
  readonly stations: ReadonlySet<string>;
  readonly connections: ReadonlySet<string>;
  readonly calls: ReadonlyMap<string, SentCall>;
  readonly transactions: readonly TxFacts[];
  readonly commands: ReadonlyMap<string, CommandFacts>;
  /** Answers to no CALL of the journal. */
  readonly strayAnswers: number;
  readonly lines: number;
  readonly files: number;
  readonly ended: number;
  /** `t` of the first line, epoch ms; what the log holds from before is not of this run. */
  readonly startedAt: number;
}

/**
 * A simulator was killed: what it writes behind the fact (the end of a transaction, its answer to a command) may be
 * missing, so that what the log and the tables know beyond the journal is no fault.
 */
export function isCut(facts: JournalFacts): boolean {
  return facts.ended < facts.files;
}

export function callKey(station: string, conn: string, id: string, sha: string): string {
  return `${station}|${conn}|${sha}|${id}`;
}

class Gathering {
  readonly declared = new Set<Declared>();
  readonly stations = new Set<string>();
  readonly connections = new Set<string>();
  readonly calls = new Map<string, SentCall>();
  readonly transactions = new Map<string, TxFacts>();
  readonly commands = new Map<string, CommandFacts>();
  strayAnswers = 0;
  lines = 0;
  files = 0;
  ended = 0;
  startedAt = Infinity;
  /** CALLs by connection and message id, for answers name no bytes. */
  private readonly byId = new Map<string, SentCall[]>();

  add(line: JournalLine): void {
    this.lines++;
    this.startedAt = Math.min(this.startedAt, line.t);
    if ("station" in line) this.stations.add(line.station);
    switch (line.kind) {
      case "header":
        this.files++;
        for (const kind of line.declared) this.declared.add(kind);
        return;
      case "connected":
        this.connections.add(line.conn);
        return;
      case "call":
        return this.call(line);
      case "answer":
        return this.answer(line);
      case "command":
        this.command(line.id).received.push(line);
        return;
      case "commandAnswer":
        this.command(line.id).answers.push(line);
        return;
      case "requested":
        if (line.commandId !== null) this.command(line.commandId).requested = line;
        return;
      case "txStart":
      case "txId":
      case "txEnd": {
        const facts = this.transaction(line.station, line.tx);
        if (line.csmsTx !== null) facts.names.add(String(line.csmsTx));
        if (line.kind === "txEnd") facts.end = later(facts.end, line);
        return;
      }
      case "end":
        this.ended++;
    }
  }

  private call(line: CallLine): void {
    const { station, conn, id, action, sha } = line;
    const key = callKey(station, conn, id, sha);
    if (this.calls.has(key)) return;
    const call: SentCall = { station, conn, id, action, sha, answers: [], answeredAt: undefined, inLog: 0 };
    this.calls.set(key, call);
    const same = this.byId.get(`${conn}|${id}`);
    if (same) same.push(call);
    else this.byId.set(`${conn}|${id}`, [call]);
  }

  /** A reused id answers its last CALL; the fleet has one CALL outstanding, so that is the one. */
  private answer({ conn, id, sha, t }: AnswerLine): void {
    const call = this.byId.get(`${conn}|${id}`)?.at(-1);
    if (!call) {
      this.strayAnswers++;
      return;
    }
    call.answers.push(sha);
    call.answeredAt ??= t;
  }

  private transaction(station: string, tx: string): TxFacts {
    const key = `${station}|${tx}`;
    const known = this.transactions.get(key);
    if (known) return known;
    const fresh: TxFacts = { station, tx, names: new Set(), end: undefined };
    this.transactions.set(key, fresh);
    return fresh;
  }

  private command(id: string): CommandFacts {
    const known = this.commands.get(id);
    if (known) return known;
    const fresh: CommandFacts = { id, received: [], answers: [], requested: undefined };
    this.commands.set(id, fresh);
    return fresh;
  }
}

/** An end that was answered counts, whatever an end that was given up says. */
function later(known: TxEndLine | undefined, line: TxEndLine): TxEndLine {
  return known?.answered && !line.answered ? known : line;
}

/** @throws Error when a line of the journal, other than a torn last one, cannot be read. */
export async function gatherJournal(dir: string): Promise<JournalFacts> {
  return gather(readJournal(dir));
}

export async function gather(lines: AsyncIterable<JournalLine> | Iterable<JournalLine>): Promise<JournalFacts> {
  const facts = new Gathering();
  for await (const line of lines) facts.add(line);
  const { declared, stations, connections, calls, commands, strayAnswers } = facts;
  const transactions = [...facts.transactions.values()];
  const startedAt = Number.isFinite(facts.startedAt) ? facts.startedAt : 0;
  const counts = { strayAnswers, lines: facts.lines, files: facts.files, ended: facts.ended, startedAt };
  return { declared, stations, connections, calls, transactions, commands, ...counts };
}
