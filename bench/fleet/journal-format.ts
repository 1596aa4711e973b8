/**
 * The lines of a fleet journal, one JSON object a line, one file a simulator process. `t` is milliseconds since the
 * epoch, `conn` the connection id from the upgrade's response header (`local-…` where the server sent none), `sha` the
 * SHA-256 in hex of the frame's exact bytes as UTF-8. Energy is integer watt-hours of the true meter.
 */

/** What a run promises to contain: the ledger check fails for a declared kind of which it finds nothing. */
export type Declared = "calls" | "answers" | "transactions" | "commands";

/** First line of each file. */
export interface HeaderLine {
  readonly kind: "header";
  readonly t: number;
  readonly version: 1;
  readonly declared: readonly Declared[];
  readonly args: Readonly<Record<string, unknown>>;
  readonly seed: number;
  readonly runId: string;
}

/** An upgrade succeeded. */
export interface ConnectedLine {
  readonly kind: "connected";
  readonly t: number;
  readonly station: string;
  readonly conn: string;
  readonly protocol: string;
}

/**
 * A CALL, fsynced before the socket gets it. A frame repeated byte for byte on the same connection has a line for each
 * sending (`repeat: true` from the second on). `message` is the id of the first sending of the same message: a resend may have
 * a new message id.
 */
export interface CallLine {
  readonly kind: "call";
  readonly dir: "out";
  readonly t: number;
  readonly station: string;
  readonly protocol: string;
  readonly conn: string;
  readonly id: string;
  readonly action: string;
  readonly sha: string;
  readonly message: string;
  readonly tx?: string;
  readonly meterWh?: number;
  readonly repeat?: true;
}

/** A CALLRESULT (3) or CALLERROR (4) that was received, also one that nobody waited for any more. */
export interface AnswerLine {
  readonly kind: "answer";
  readonly dir: "in";
  readonly t: number;
  readonly station: string;
  readonly conn: string;
  readonly id: string;
  readonly type: 3 | 4;
  readonly sha: string;
}

/** A CALL received, fsynced before it is answered. Its message id is the command id. */
export interface CommandLine {
  readonly kind: "command";
  readonly dir: "in";
  readonly t: number;
  readonly station: string;
  readonly conn: string;
  readonly id: string;
  readonly action: string;
  readonly sha: string;
}

/** The answer to a command, written after the attempt to send it. `status` is the payload's status or the error code. */
export interface CommandAnswerLine {
  readonly kind: "commandAnswer";
  readonly dir: "out";
  readonly t: number;
  readonly station: string;
  readonly conn: string;
  readonly id: string;
  readonly action: string;
  readonly type: 3 | 4;
  readonly status: string | null;
  readonly sha: string;
  /** False: the socket was gone before the answer could be written. */
  readonly sent: boolean;
}

/** A transaction begins at the station. `tx` is the station's own key, `csmsTx` is known at once in 2.x only. */
export interface TxStartLine {
  readonly kind: "txStart";
  readonly t: number;
  readonly station: string;
  readonly protocol: string;
  readonly tx: string;
  readonly csmsTx: string | number | null;
  readonly evseId: number;
  readonly connectorId: number;
  readonly idToken: string;
  readonly meterStartWh: number;
  readonly startedAt: string;
}

/** 1.6 only: the answer to StartTransaction named the transaction. Written for every such answer, repeats included. */
export interface TxIdLine {
  readonly kind: "txId";
  readonly t: number;
  readonly station: string;
  readonly tx: string;
  readonly csmsTx: number;
}

/**
 * The end of a transaction, with its true meter. `answered: true`: its ending message got a CALLRESULT, so exactly one
 * CDR is owed. `answered: false` (written when the run ends or the message was given up): zero or one.
 */
export interface TxEndLine {
  readonly kind: "txEnd";
  readonly t: number;
  readonly station: string;
  readonly protocol: string;
  readonly tx: string;
  readonly csmsTx: string | number | null;
  readonly evseId: number;
  readonly connectorId: number;
  readonly idToken: string;
  readonly meterStartWh: number;
  readonly meterStopWh: number;
  readonly startedAt: string;
  readonly endedAt: string;
  readonly answered: boolean;
}

/**
 * A command asked for through REST. Written when the request was answered and again when `status` or `outcome` are
 * final: the last line of a `commandId` counts. `commandId` is null where the request failed and its fate is unknown.
 */
export interface RequestedLine {
  readonly kind: "requested";
  readonly t: number;
  readonly station: string;
  readonly commandId: string | null;
  readonly action: string;
  readonly idempotencyKey: string | null;
  readonly httpStatus: number;
  readonly status: string | null;
  readonly outcome: string | null;
}

/** Last line of a run that ended by itself. */
export interface EndLine {
  readonly kind: "end";
  readonly t: number;
  readonly counts: Readonly<Record<string, number>>;
}

export type JournalLine =
  | HeaderLine
  | ConnectedLine
  | CallLine
  | AnswerLine
  | CommandLine
  | CommandAnswerLine
  | TxStartLine
  | TxIdLine
  | TxEndLine
  | RequestedLine
  | EndLine;
