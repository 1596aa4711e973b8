import { parseArgs } from "node:util";

/** What a fleet does; the command line's words are in `usage`. */
export interface SimulateOptions {
  readonly stations: number;
  readonly protocol: "1.6" | "2.0.1" | "2.1" | "mixed";
  readonly url: string;
  /** CALLs a second of the whole fleet; 0: as they come up. */
  readonly rate: number;
  /** Sessions at most, 0: no limit. The run ends when they are over. */
  readonly sessions: number;
  /** 0: until the sessions are over, or until aborted. */
  readonly seconds: number;
  readonly seed: number;
  readonly journal: string | undefined;
  readonly repeat: number;
  readonly offline: number;
  readonly reconnect: number;
  readonly disorder: number;
  readonly commands: number;
  readonly commandTimeoutSeconds: number;
  readonly api: string | undefined;
  readonly token: string | undefined;
  readonly prefix: string;
  /** Number of the first station. */
  readonly first: number;
  readonly passwordTemplate: string | undefined;
  readonly speed: number;
  readonly graceSeconds: number;
  readonly processes: number;
  readonly connectRate: number;
  readonly messageTimeoutSeconds: number;
  readonly retrySeconds: number;
  readonly reconnectMaxSeconds: number;
  readonly retryAfterMaxSeconds: number;
  /** Names the run in message and transaction ids; made from the clock where not given. */
  readonly runId: string | undefined;
  readonly quiet: boolean;
  readonly json: boolean;
}

export const defaultOptions: SimulateOptions = {
  stations: 10,
  protocol: "mixed",
  url: "ws://127.0.0.1:9000/",
  rate: 0,
  sessions: 0,
  seconds: 0,
  seed: 1,
  journal: undefined,
  repeat: 0,
  offline: 0,
  reconnect: 0,
  disorder: 0,
  commands: 0,
  commandTimeoutSeconds: 15,
  api: undefined,
  token: undefined,
  prefix: "SIM",
  first: 1,
  passwordTemplate: undefined,
  speed: 60,
  graceSeconds: 60,
  processes: 1,
  connectRate: 500,
  messageTimeoutSeconds: 30,
  retrySeconds: 0.5,
  // Well below the default grace, so that a run survives a server that is killed and started several times.
  reconnectMaxSeconds: 8,
  retryAfterMaxSeconds: 30,
  runId: undefined,
  quiet: false,
  json: false,
};

export const usage = `wattlog simulate: a fleet of charging stations with a ledger of its own

  --stations N          stations (10)
  --protocol P          1.6, 2.0.1, 2.1 or mixed (mixed)
  --url URL             ws:// or wss://, the identity is added (ws://127.0.0.1:9000/)
  --rate N              CALLs a second of the whole fleet; 0: as they come up (0)
  --sessions N          charging sessions at most; 0: no limit (0)
  --seconds S           length of the run before open sessions are closed (60 when --sessions is not given)
  --grace S             time to get every message answered after that (60)
  --speed X             how many times faster than real charging (60)
  --seed K              reproduces sessions and faults (a random one, printed)
  --journal DIR         the ledger, synced before each frame leaves
  --repeat P            probability per transaction message that it is sent again
  --offline P           … per session that the station goes offline and queues
  --reconnect P         … per session that the link is lost abruptly
  --disorder P          … per session that readings arrive late
  --commands N          commands a second through REST, with --api URL --token T
  --command-timeout S   time that each may take (15)
  --prefix TEXT         station ids are PREFIX-000001 and so on (SIM)
  --first N             number of the first station (1)
  --password-template T basic auth password, {id} and {index} are replaced
  --connect-rate N      new connections a second at the start (500)
  --message-timeout S   how long a station waits for an answer (30)
  --retry-interval S    wait before a transaction message is sent again, times its attempts (0.5)
  --reconnect-max S     longest pause before a lost link is tried again (8)
  --retry-after-max S   longest Retry-After of a refusal that is obeyed (30)
  --processes N         spread the fleet over N processes (1)
  --quiet               no progress
  --json                one object on standard output

Exit code 0: every station was accepted and every message answered. 1: not so. 2: wrong use.
`;

const flags = {
  stations: { type: "string" },
  protocol: { type: "string" },
  url: { type: "string" },
  rate: { type: "string" },
  sessions: { type: "string" },
  seconds: { type: "string" },
  seed: { type: "string" },
  journal: { type: "string" },
  repeat: { type: "string" },
  offline: { type: "string" },
  reconnect: { type: "string" },
  disorder: { type: "string" },
  commands: { type: "string" },
  "command-timeout": { type: "string" },
  api: { type: "string" },
  token: { type: "string" },
  prefix: { type: "string" },
  first: { type: "string" },
  "password-template": { type: "string" },
  speed: { type: "string" },
  grace: { type: "string" },
  processes: { type: "string" },
  "connect-rate": { type: "string" },
  "message-timeout": { type: "string" },
  "retry-interval": { type: "string" },
  "reconnect-max": { type: "string" },
  "retry-after-max": { type: "string" },
  "run-id": { type: "string" },
  quiet: { type: "boolean" },
  json: { type: "boolean" },
  help: { type: "boolean" },
} as const;

export type ParsedArgs =
  | { readonly kind: "options"; readonly options: SimulateOptions }
  | { readonly kind: "help"; readonly text: string }
  | { readonly kind: "wrong"; readonly message: string };

class WrongUse extends Error {}

/** Reads the command line behind `simulate`; wrong use comes back as one sentence that names the option. */
export function parseSimulateArgs(argv: readonly string[]): ParsedArgs {
  try {
    const { values } = parseArgs({ args: [...argv], options: flags, strict: true, allowPositionals: false });
    if (values.help === true) return { kind: "help", text: usage };
    return { kind: "options", options: toOptions(values) };
  } catch (error) {
    return { kind: "wrong", message: error instanceof Error ? error.message : String(error) };
  }
}

type Values = { [name in keyof typeof flags]?: string | boolean };

function toOptions(values: Values): SimulateOptions {
  const text = (name: keyof typeof flags): string | undefined => {
    const value = values[name];
    return typeof value === "string" ? value : undefined;
  };
  const number = (name: keyof typeof flags, fallback: number, min: number, max: number, whole = false): number => {
    const given = text(name);
    if (given === undefined) return fallback;
    const value = Number(given);
    if (given.trim() === "" || !(value >= min && value <= max) || (whole && !Number.isInteger(value))) {
      throw new WrongUse(`--${name} wants a ${whole ? "whole " : ""}number from ${min} to ${max}, not ${given}`);
    }
    return value;
  };
  const d = defaultOptions;
  const sessions = number("sessions", d.sessions, 0, 1e9, true);
  const options: SimulateOptions = {
    stations: number("stations", d.stations, 1, 1e6, true),
    protocol: protocolOf(text("protocol") ?? d.protocol),
    url: urlOf("url", text("url") ?? d.url, ["ws:", "wss:"]),
    rate: number("rate", d.rate, 0, 1e6),
    sessions,
    seconds: number("seconds", sessions === 0 ? 60 : 0, 0, 1e8),
    seed: number("seed", Math.floor(Math.random() * 2 ** 31), 0, 2 ** 53, true),
    journal: text("journal"),
    repeat: number("repeat", 0, 0, 1),
    offline: number("offline", 0, 0, 1),
    reconnect: number("reconnect", 0, 0, 1),
    disorder: number("disorder", 0, 0, 1),
    commands: number("commands", 0, 0, 1e5),
    commandTimeoutSeconds: number("command-timeout", d.commandTimeoutSeconds, 1, 3600, true),
    api: values.api === undefined ? undefined : urlOf("api", text("api") ?? "", ["http:", "https:"]),
    token: text("token"),
    prefix: prefixOf(text("prefix") ?? d.prefix),
    first: number("first", d.first, 1, 1e9, true),
    passwordTemplate: text("password-template"),
    speed: number("speed", d.speed, 0.01, 1e5),
    graceSeconds: number("grace", d.graceSeconds, 0, 86_400),
    processes: number("processes", d.processes, 1, 256, true),
    connectRate: number("connect-rate", d.connectRate, 0.1, 1e6),
    messageTimeoutSeconds: number("message-timeout", d.messageTimeoutSeconds, 0.05, 3600),
    retrySeconds: number("retry-interval", d.retrySeconds, 0.01, 3600),
    reconnectMaxSeconds: number("reconnect-max", d.reconnectMaxSeconds, 0.01, 3600),
    retryAfterMaxSeconds: number("retry-after-max", d.retryAfterMaxSeconds, 0, 3600),
    runId: text("run-id"),
    quiet: values.quiet === true,
    json: values.json === true,
  };
  if (options.commands > 0 && (options.api === undefined || options.token === undefined)) {
    throw new WrongUse("--commands needs --api URL and --token T");
  }
  if (options.processes > options.stations) throw new WrongUse("--processes is more than --stations");
  return options;
}

function protocolOf(given: string): SimulateOptions["protocol"] {
  if (given === "1.6" || given === "2.0.1" || given === "2.1" || given === "mixed") return given;
  throw new WrongUse(`--protocol is one of 1.6, 2.0.1, 2.1, mixed, not ${given}`);
}

function urlOf(name: string, given: string, schemes: readonly string[]): string {
  const url = URL.parse(given);
  if (url === null || !schemes.includes(url.protocol)) {
    throw new WrongUse(`--${name} wants a URL that begins with ${schemes.join("// or ")}//, not ${given}`);
  }
  return given;
}

function prefixOf(given: string): string {
  if (/^[A-Za-z0-9*+_.@|=-]{1,40}$/.test(given)) return given;
  throw new WrongUse(`--prefix wants 1 to 40 characters of an OCPP identity, not ${given}`);
}
