// Connections that never become good ones: wrong subprotocols, identities, credentials, requests cut short or far too long,
// bytes that are no HTTP, WebSocket framing that RFC 6455 forbids. Each has what must come of it; none may harm a neighbour.
import { connect } from "node:net";

import { Rng } from "../../bench/fleet/rng.ts";
import { limits } from "../../core/config/limits.ts";
import type { Rest } from "../harness/rest.ts";
import type { Faults } from "./ledger.ts";

/** `closed`: without any answer; `open`: nothing came, and the line is still there; a number is an HTTP status. */
type Outcome = number | "closed" | "open" | `closed ${number}`;

interface Attempt {
  readonly bytes: Buffer;
  readonly allowed: readonly Outcome[];
  /** After a completed upgrade. */
  readonly afterUpgrade?: Buffer;
  /** The line is dropped after so long: nothing is expected, or only late. */
  readonly dropAfterMs?: number;
}

export interface HandshakeOptions {
  readonly url: string;
  readonly seed: number;
  readonly rest: Rest;
  readonly faults: Faults;
  readonly atOnce: number;
}

const password = "correct-horse-battery-staple";
const guarded = "FUZZ-GUARDED";
const outcomeMs = 20_000;
/** uWebSockets.js ends a request that does not go on after some thirty seconds. */
const idleMs = 50_000;
const key = "dGhlIHNhbXBsZSBub25jZQ==";

/** @param count exclusive end of their numbers. @returns how many were tried, by kind. */
export async function tryHandshakes(
  options: HandshakeOptions,
  count: number,
  from = 0,
): Promise<ReadonlyMap<string, number>> {
  await options.rest.post("/stations", { id: guarded, password, securityProfile: 1 });
  const tried = new Map<string, number>();
  // Whoever showed its key lately is never locked out by somebody else's failures.
  await one(options, "first login", withAuth(basic(guarded, password), [101]), 0);
  let next = from;
  /** They take half a minute each, and all of them the same one. */
  const idle: Promise<void>[] = [];
  const worker = async (): Promise<void> => {
    while (next < count) {
      const n = next++;
      const { kind, attempt } = handshake(options.seed, n);
      const tries = one(options, kind, attempt, n);
      if (attempt.dropAfterMs === idleMs) idle.push(tries);
      else await tries;
      tried.set(kind, (tried.get(kind) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: options.atOnce }, worker));
  await Promise.all(idle);
  return tried;
}

/** A function of seed and number alone. */
export function handshake(seed: number, n: number): { readonly kind: string; readonly attempt: Attempt } {
  const rng = new Rng(`${seed}/handshake/${n}`);
  const kinds = Object.keys(attempts);
  const kind = kinds[n % kinds.length]!;
  return { kind, attempt: attempts[kind]!(rng) };
}

async function one({ url, faults }: HandshakeOptions, kind: string, attempt: Attempt, n: number): Promise<void> {
  const outcome = await outcomeOf(url, attempt, n);
  if (attempt.allowed.includes(outcome)) return;
  const wanted = attempt.allowed.join(" or ");
  faults.add(`handshake/${n}`, `${kind}: ${outcome} instead of ${wanted}: ${JSON.stringify(head(attempt.bytes))}`);
}

function head(bytes: Buffer): string {
  return bytes.toString("latin1", 0, 200);
}

function outcomeOf(url: string, { bytes, afterUpgrade, dropAfterMs }: Attempt, n: number): Promise<Outcome> {
  const { hostname: host, port } = new URL(url);
  return new Promise((resolve) => {
    // A fleet's addresses: failures of one must not become those of all.
    const socket = connect({ host, port: Number(port), localAddress: `127.0.0.${2 + (n % 200)}` });
    let received = Buffer.alloc(0);
    let upgraded: number | undefined;
    const done = (outcome: Outcome): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(outcome);
    };
    const timer = setTimeout(() => done("open"), dropAfterMs ?? outcomeMs);
    socket.on("connect", () => socket.write(bytes));
    socket.on("error", () => done(upgraded === undefined ? "closed" : "closed 1006"));
    socket.on("close", () => done(upgraded === undefined ? "closed" : "closed 1006"));
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      const end = received.indexOf("\r\n\r\n");
      if (upgraded === undefined) {
        if (end < 0) return;
        const status = Number(received.toString("latin1", 0, end).split(" ")[1]);
        if (status !== 101) return done(status);
        upgraded = end + 4;
        if (afterUpgrade) socket.write(afterUpgrade);
        // A close may follow at once; where none is due, the upgrade is the outcome.
        else setTimeout(() => done(101), 250);
      }
      const code = closeCodeIn(received.subarray(upgraded));
      if (code !== undefined) done(`closed ${code}`);
    });
  });
}

/** Of the first close frame; servers do not mask. wattlog may ask something of the station before it. */
function closeCodeIn(bytes: Buffer): number | undefined {
  for (let at = 0; at + 4 <= bytes.length;) {
    if (bytes[at] === 0x88) return bytes.readUInt16BE(at + 2);
    const length = bytes[at + 1]!;
    at += length < 126 ? 2 + length : 4 + bytes.readUInt16BE(at + 2);
  }
  return undefined;
}

interface Request {
  readonly method?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string | undefined>>;
  readonly extra?: readonly string[];
}

function request({ method = "GET", path = "/FUZZ-H1", headers = {}, extra = [] }: Request): Buffer {
  const all: Readonly<Record<string, string | undefined>> = {
    Host: "csms.example",
    Connection: "Upgrade",
    Upgrade: "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": key,
    "Sec-WebSocket-Protocol": "ocpp1.6",
    ...headers,
  };
  const lines = Object.entries(all).flatMap(([name, value]) => (value === undefined ? [] : [`${name}: ${value}`]));
  return Buffer.from(`${[`${method} ${path} HTTP/1.1`, ...lines, ...extra].join("\r\n")}\r\n\r\n`);
}

function basic(user: string, secret: string): string {
  return `Basic ${Buffer.from(`${user}:${secret}`).toString("base64")}`;
}

function withAuth(authorization: string | undefined, allowed: readonly Outcome[]): Attempt {
  return { bytes: request({ path: `/${guarded}`, headers: { Authorization: authorization } }), allowed };
}

function withProtocol(value: string | undefined, allowed: readonly Outcome[], extra: readonly string[] = []): Attempt {
  return { bytes: request({ headers: { "Sec-WebSocket-Protocol": value }, extra }), allowed };
}

/** What uWebSockets.js and wattlog say to a request that is no upgrade, or none that they take. */
const noUpgrade: readonly Outcome[] = [200, 400, 404, 405, 411, 413, 414, 426, 431, 501, 505, "closed"];
const refusedLogin: readonly Outcome[] = [401, 429];
const endedLine: readonly Outcome[] = ["closed 1002", "closed 1006", "closed 1007", "closed 1008", "closed 1009"];

function frame(first: number, second: number, ...rest: readonly number[]): Buffer {
  return Buffer.from([first, second, ...rest]);
}

const attempts: Readonly<Record<string, (rng: Rng) => Attempt>> = {
  "no subprotocol": () => withProtocol(undefined, ["closed 1002"]),
  "unknown subprotocol": (rng) =>
    withProtocol(
      rng.pick(["ocpp1.5", "ocpp2.0", "ocpp", "mqtt", "ocpp1.6;v=1", ",", "ocpp1.7, ocpp3", "x".repeat(900)]),
      ["closed 1002"],
    ),
  "odd but good subprotocol": (rng) =>
    rng.chance(0.5)
      ? withProtocol(rng.pick(["OCPP1.6", "x , ocpp2.0.1", "ocpp1.6,", "ocpp9, ocpp2.1"]), [101])
      : withProtocol("mqtt", [101], ["Sec-WebSocket-Protocol: ocpp1.6"]),
  "bad identity": (rng) => ({
    bytes: request({
      path: rng.pick([
        "/",
        "//",
        "/a:b",
        "/%00",
        "/%zz",
        "/..",
        "/%2e%2e",
        "/a%2Fb",
        "/%C3%A4",
        "/a%20b",
        "/%",
        "/<x>",
        `/${"A".repeat(49)}`,
        `/ocpp/${"1".repeat(300)}`,
        "/a%0d%0aX:%20y",
        "/%7B%7D",
        "/a%2500",
      ]),
    }),
    allowed: [404],
  }),
  "odd but good identity": (rng) => ({
    bytes: request({ path: rng.pick(["//FUZZ-H2//", "/ocpp/1.6/FUZZ-H3/", "/%46UZZ-H4", "/fuzz-h1", "/FUZZ-H5?x=1"]) }),
    allowed: [101],
  }),
  "no credentials": () => withAuth(undefined, refusedLogin),
  "wrong credentials": (rng) =>
    withAuth(
      rng.pick([
        basic(guarded, "wrong"),
        basic(guarded, ""),
        basic(guarded, `${password}x`),
        basic("FUZZ-H1", password),
        basic("", password),
        basic(`${guarded}\0`, password),
        basic(`${guarded}:x`, password),
      ]),
      refusedLogin,
    ),
  "broken credentials": (rng) =>
    withAuth(
      rng.pick([
        "Basic",
        "Basic ",
        "Basic !!!!",
        "Basic =",
        "Basic QUJD",
        "Bearer abc",
        "Digest x=y",
        "basic  ",
        `Basic ${"A".repeat(2_000)}`,
        `Basic ${Buffer.from([0xff, 0xfe, 0x3a, 0x00]).toString("base64")}`,
      ]),
      refusedLogin,
    ),
  "right credentials": () => withAuth(basic(guarded, password), [101]),
  "half a request": (rng) => {
    const whole = request({});
    const part = whole.subarray(0, rng.int(1, whole.length - 3));
    return { bytes: part, allowed: ["open", "closed"], dropAfterMs: rng.pick([1, 50, 400]) };
  },
  "half a request that stays": () => ({
    bytes: request({}).subarray(0, 40),
    allowed: ["closed", 408],
    dropAfterMs: idleMs,
  }),
  "too long a header": (rng) => ({
    bytes: request({ extra: [`X-Long: ${"a".repeat(rng.pick([5_000, 20_000, 70_000]))}`] }),
    allowed: noUpgrade.filter((outcome) => outcome !== 200),
  }),
  "too many headers": () => ({
    bytes: request({ extra: Array.from({ length: 300 }, (_, i) => `X-${i}: 1`) }),
    allowed: noUpgrade.filter((outcome) => outcome !== 200),
  }),
  "another method": (rng) => ({
    bytes: request({ method: rng.pick(["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "get", "BREW"]) }),
    allowed: noUpgrade,
  }),
  "no upgrade": (rng) => ({
    bytes: request({
      headers: rng.pick([
        { "Sec-WebSocket-Key": undefined },
        { "Sec-WebSocket-Key": "short" },
        { "Sec-WebSocket-Key": "x".repeat(200) },
        { "Sec-WebSocket-Key": undefined, Upgrade: "h2c" },
        { "Sec-WebSocket-Key": "", Connection: "close" },
      ]),
    }),
    allowed: noUpgrade,
  }),
  "no HTTP": (rng) => ({
    bytes: rng.pick([
      Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01, 0x00, 0x01, 0xfc, 0x03, 0x03, 0x0d, 0x0a, 0x0d, 0x0a]),
      Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
      Buffer.from("\0\0\0\0\r\n\r\n"),
      Buffer.from('[2,"1","Heartbeat",{}]\r\n\r\n'),
      Buffer.from("GET /x\r\n\r\n"),
      Buffer.from("GET http://csms.example/FUZZ-H1 HTTP/1.1\r\nHost: x\r\n\r\n"),
      Buffer.from(Array.from({ length: 600 }, () => rng.int(0, 255))),
    ]),
    // Some may still become a request.
    allowed: [...noUpgrade, "open"],
    dropAfterMs: 1_000,
  }),
  "forbidden framing": (rng) => ({
    bytes: request({ path: `/FUZZ-H${rng.int(10, 40)}` }),
    afterUpgrade: rng.pick([
      // Reserved bits; an unknown opcode; a fragmented ping; a ping too long; a continuation of nothing.
      frame(0xf1, 0x80, 1, 2, 3, 4),
      frame(0x83, 0x80, 1, 2, 3, 4),
      frame(0x09, 0x80, 1, 2, 3, 4),
      frame(0x89, 0xfe, 0, 200, 1, 2, 3, 4, ...Array.from({ length: 200 }, () => 0)),
      frame(0x80, 0x80, 1, 2, 3, 4),
      // Longer than any message may be, by its head alone.
      frame(0x81, 0xff, 0, 0, 0, 0, 0x7f, 0xff, 0xff, 0xff, 1, 2, 3, 4),
      Buffer.concat([frame(0x81, 0xff, ...lengthBytes(limits.frameMaxBytes + 1)), frame(1, 2, 3, 4)]),
    ]),
    allowed: endedLine,
  }),
};

function lengthBytes(length: number): number[] {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64BE(BigInt(length));
  return [...bytes];
}
