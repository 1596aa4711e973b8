// The closed set of error codes. Each message says what to do next; `cause` keeps what happened underneath.
// `…/unavailable`: waiting may heal it. `…/refused`: a server answered and said no; a person has to change something.

export type ErrorCode =
  | "config/invalid"
  | "start/port-in-use"
  | "start/data-folder"
  | "start/second-process"
  | "log/unavailable"
  | "log/refused"
  | "log/full"
  | "log/too-large"
  | "log/out-of-range"
  | "log/closed"
  | "log/ended"
  | "store/unavailable"
  | "store/refused"
  | "store/schema"
  | "store/full"
  | "fold/zombie"
  | "fold/fingerprint"
  | "fold/unknown-record"
  | "fold/behind"
  | "bus/unavailable"
  | "bus/refused";

export class WattlogError extends Error {
  override readonly name = "WattlogError";
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

export function isWattlogError(error: unknown, code?: ErrorCode): error is WattlogError {
  return error instanceof WattlogError && (code === undefined || error.code === code);
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
