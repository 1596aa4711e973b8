// Postgres' and the client's errors in the store's closed set, each with one sentence that says what to do.
import { messageOf, WattlogError } from "../runtime/errors.ts";

/** Where the database is, without its password. */
export interface Place {
  readonly user: string;
  /** host:port */
  readonly server: string;
  readonly database: string;
}

/** Nobody's fault: the same transaction again. */
const conflicts = new Set(["40001", "40P01"]);

/** Waiting heals none of these. */
const refusals: Readonly<Record<string, (place: Place, why: string) => string>> = {
  "28P01": (p) => `Postgres at ${p.server} does not accept the password of ${p.user}: correct it in DATABASE_URL.`,
  "28000": (p, why) => {
    if (/no encryption|SSL off/.test(why))
      return `Postgres at ${p.server} does not let ${p.user} in without TLS: add ?sslmode=verify-full to DATABASE_URL.`;
    if (/certificate/i.test(why))
      return (
        `Postgres at ${p.server} lets ${p.user} in by a certificate of that name alone: name it and its key by sslcert= and ` +
        "sslkey= in DATABASE_URL."
      );
    return `Postgres at ${p.server} does not let ${p.user} in: check DATABASE_URL and the server's pg_hba.conf.`;
  },
  "3D000": (p) => `Postgres at ${p.server} has no database ${p.database}: create it, or correct DATABASE_URL.`,
  "42501": (p) => `${p.user} may not do this in the database ${p.database}: grant it create and all on its schema.`,
  "3F000": (p) =>
    `${p.user} has no schema in the database ${p.database} to put tables into: create one, or grant create.`,
};

const sentences: Readonly<Record<string, (place: Place) => string>> = {
  "53300": (p) => `Postgres at ${p.server} has no connection left: raise its max_connections or run fewer processes.`,
  "57014": (p) =>
    `Postgres at ${p.server} took too long for a statement: it is overloaded, or a lock is held for long.`,
  "25006": (p) => `Postgres at ${p.server} is read-only: DATABASE_URL must lead to the primary, not to a standby.`,
  "42P01": (p) => `The database ${p.database} has no tables of wattlog: run \`wattlog migrate\` first.`,
};

/** Connections, resources, shutdown, failures of the server's disk, time-outs: waiting or an operator heals them. */
const unavailableClasses = ["08", "53", "57", "58", "25P", "55P", "XX"];

/** From the operating system and from the client library, which has no codes of its own. */
const lostSocket = /^(?:E[A-Z]+|CERT_|ERR_TLS|ERR_SSL|UNABLE_TO|DEPTH_ZERO|SELF_SIGNED)/;
const lostMessage =
  /Connection terminated|connection timeout|Query read timeout|timeout exceeded when trying to connect|not queryable|has encountered a connection error|Client was closed|does not support SSL|SSL connection/i;

export function codeOf(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === "string" ? code : "";
}

export function isConflict(error: unknown): boolean {
  return conflicts.has(codeOf(error));
}

/** A row of `addRows` exists. */
export function isTaken(error: unknown): boolean {
  return codeOf(error) === "23505";
}

/** A position row of `moveRows` did not stand where it should; nothing else in a turn divides. */
export function isNotMoved(error: unknown): boolean {
  return codeOf(error) === "22012";
}

/** After these the connection must not be used again. */
export function breaksConnection(error: unknown): boolean {
  const code = codeOf(error);
  if (/^[0-9A-Z]{5}$/.test(code) && !lostSocket.test(code)) return /^(?:08|57P|25P0[34]|25006)/.test(code);
  return isLost(error);
}

function isLost(error: unknown): boolean {
  return error instanceof Error && (lostSocket.test(codeOf(error)) || lostMessage.test(error.message));
}

/** Of the way to it, not of the server. */
function refusedWay(error: unknown, { server }: Place): string | undefined {
  const text = `${codeOf(error)} ${messageOf(error)}`;
  const isFile = /^(?:ENOENT|EACCES|EISDIR) .*, (?:open|read)\b/.test(text);
  if (isFile) {
    return `A file that DATABASE_URL names cannot be read (${messageOf(error)}): correct sslrootcert=, sslcert= or sslkey= in it.`;
  }
  if (/does not support SSL/i.test(text)) {
    return `Postgres at ${server} does not speak TLS: take sslmode out of DATABASE_URL, or switch it on at the server.`;
  }
  // What the server says of ours; what is wrong with its own we say ourselves.
  const alert = /\balert ((?:unknown ca|decrypt error|access denied|[a-z ]*certificate)[a-z ]*)/i.exec(text);
  if (alert) {
    return `Postgres at ${server} does not take our certificate (${alert[1]!.trim()}): correct sslcert= and sslkey= in DATABASE_URL.`;
  }
  if (/CERT_|SELF_SIGNED|UNABLE_TO_|certificate|altnames/i.test(text)) {
    return (
      `The certificate of Postgres at ${server} is not trusted (${messageOf(error)}): name that of its authority by ` +
      "sslrootcert= in DATABASE_URL."
    );
  }
  return undefined;
}

/** @returns `store/full`, `store/refused` or `store/unavailable` where the database is to blame, else the error itself. */
export function translatePostgres(error: unknown, place: Place): unknown {
  if (error instanceof WattlogError || isConflict(error)) return error;
  const code = codeOf(error);
  if (code === "53100") {
    const sentence = `The disk of Postgres at ${place.server} is full: nothing was stored, nothing is lost. Make room.`;
    return new WattlogError("store/full", sentence, { cause: error });
  }
  const unavailable = (sentence: string) => new WattlogError("store/unavailable", sentence, { cause: error });
  const refused = refusals[code]?.(place, messageOf(error)) ?? refusedWay(error, place);
  if (refused !== undefined) return new WattlogError("store/refused", refused, { cause: error });
  const known = sentences[code];
  if (known) return unavailable(known(place));
  const isOurs = /^[0-9A-Z]{5}$/.test(code) && unavailableClasses.some((start) => code.startsWith(start));
  if (!isOurs && !isLost(error)) return error;
  const why = messageOf(error) || code;
  return unavailable(`Postgres at ${place.server} cannot be used now: ${why}. Check that it runs and can be reached.`);
}

export function tooManyConflicts(cause: unknown): WattlogError {
  const sentence = "A transaction met others again and again: make sure that only one process folds a partition.";
  return new WattlogError("store/unavailable", sentence, { cause });
}
