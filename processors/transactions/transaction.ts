// The state of a station's transactions, and its packed form (rule F4: one compact row per station).
import type { Position, SessionId } from "../../core/ids/ids.ts";
import { trusted } from "../../core/ids/ids.ts";
import type { Cdr } from "../../core/records/domain-event.ts";
import type { LocalCost } from "../cdrs/local-cost.ts";
import { pack, unpack } from "../../core/records/msgpack.ts";

/** What tells one start from another (rule I5). */
export interface StartIdentity {
  /** Of everything that identifies the start: connector, token, timestamp, register (1.6); timestamp, seqNo (2.x). */
  readonly digest: number;
  /** Of the whole frame, message id included. */
  readonly frame: number;
  /** Of connector and timestamp alone: the same with another register betrays a clock that stands still. */
  readonly clock: number;
  readonly meterStart: string;
  /** How often the station had booted. */
  readonly boots: number;
  /** The station's clock was at a time that can be true. */
  readonly trusted: boolean;
  /** What that clock said, epoch ms, where it cannot be true (decision 25): the end's is held against it. Else null. */
  readonly ownTime: number | null;
}

/** Running values over the readings of a transaction; `energy.ts` says what follows from them. All mWh. */
export interface Registers {
  /** StartTransaction.meterStart / StopTransaction.meterStop: the authority where they are. */
  readonly meterStart: number | null;
  readonly meterStop: number | null;
  /** First with context Transaction.Begin, last with Transaction.End. */
  readonly begin: number | null;
  readonly end: number | null;
  readonly low: number | null;
  readonly high: number | null;
}

/** Not settled yet: open, or ended and waiting for its CDR. */
export interface Transaction {
  /** The station's transactionId (2.x) or ours (1.6), as text. */
  readonly id: string;
  readonly sessionId: SessionId;
  readonly evseId: number;
  readonly connectorId: number;
  readonly idToken: string | null;
  readonly startedAt: number;
  /** null until the start message is seen. */
  readonly start: StartIdentity | null;
  readonly endedAt: number | null;
  /** Digest of the message that ended it; null while open or where nothing from the station ended it. */
  readonly stop: number | null;
  readonly registers: Registers;
  /** What was last told as energy so far; never falls while open. */
  readonly soFarMwh: number;
  /** 2.x: sequence numbers seen, as [first, last] ranges in order. */
  readonly seen: readonly (readonly [number, number])[];
  /** Digests of the last messages, to know a repeat. */
  readonly recent: readonly number[];
  /** Connection of the first record. */
  readonly connection: string;
  /** Every record so far came on that connection, none was queued offline, the start was among them. */
  readonly live: boolean;
  /** Registry position of the first record: what the price is looked up at. */
  readonly registry: Position;
  /** When the CDR is made, log time; null while open. */
  readonly settleAt: number | null;
  readonly state: string | null;
  readonly annotations: readonly string[];
  /** Log time of the last record, to know which open one is the oldest. */
  readonly touchedAt: number;
  /** It was in another state than charging: the readings say when. */
  readonly paused: boolean;
  /** A signed meter value came with it. */
  readonly signed: boolean;
  /** 2.x: what the message that says the start brings as register, mWh. */
  readonly startSaid: number | null;
  /** 2.x: the time of the message with the highest number, where it can be true. */
  readonly newestAt: number | null;
  /** 2.1: what the station says that it cost, with the message that ended it. */
  readonly localCost: LocalCost | null;
  /** The reservation that it used, or that expired and is all that is sold. */
  readonly reserved: Reserved | null;
}

/** What was reserved before a session, or instead of one. */
export interface Reserved {
  /** Log time at which the station accepted it. */
  readonly since: number;
  /** Nobody came: no charging followed. */
  readonly expired: boolean;
}

/** What is remembered of a transaction that has its CDR: enough to know a repeat and to name a late frame's session. */
export interface SettledTransaction {
  readonly id: string;
  readonly sessionId: SessionId;
  readonly start: StartIdentity | null;
  readonly stop: number | null;
  readonly seen: readonly (readonly [number, number])[];
  readonly recent: readonly number[];
  readonly energyMwh: number;
  readonly lateTold: boolean;
}

/** A CDR that a late message can change, or that waits for a person. */
export interface KeptCdr {
  readonly cdr: Cdr;
  readonly state: "issued" | "held" | "suppressed";
  /** A signed meter value came with the session. */
  readonly signed: boolean;
}

export interface TransactionsState {
  /** In the order of their first records. */
  readonly active: readonly Transaction[];
  /** In the order of their CDRs; at most limits.stationEndedTransactions. */
  readonly settled: readonly SettledTransaction[];
  /** The last ones of sessions that did not run live without a gap, and of those that are held. */
  readonly kept: readonly KeptCdr[];
  /** `held/ID` or `issued/ID` of CDRs that were decided about, the last ones. */
  readonly reviewed: readonly string[];
}

export const noTransactions: TransactionsState = { active: [], settled: [], kept: [], reviewed: [] };

export const noRegisters: Registers = {
  meterStart: null,
  meterStop: null,
  begin: null,
  end: null,
  low: null,
  high: null,
};

type PackedStart = [number, number, number, string, number, boolean, (number | null)?] | null;

function packStart(start: StartIdentity | null): PackedStart {
  if (!start) return null;
  const { digest, frame, clock, meterStart, boots, trusted: isTrusted, ownTime } = start;
  // Only of a clock that cannot be trusted: each row has many starts.
  const own: [number?] = ownTime === null ? [] : [ownTime];
  return [digest, frame, clock, meterStart, boots, isTrusted, ...own];
}

function unpackStart(packed: PackedStart): StartIdentity | null {
  if (!packed) return null;
  const [digest, frame, clock, meterStart, boots, isTrusted, ownTime = null] = packed;
  return { digest, frame, clock, meterStart, boots, trusted: isTrusted, ownTime };
}

// Settled transactions change once a session, while the row is written with every batch that touches the station: their
// bytes are kept with the list they were made from.
const settledBytes = new WeakMap<readonly SettledTransaction[], Uint8Array>();

function packSettled(settled: readonly SettledTransaction[]): Uint8Array {
  const known = settledBytes.get(settled);
  if (known) return known;
  const bytes = pack(
    settled.map((s) => [s.id, s.sessionId, packStart(s.start), s.stop, s.seen, s.recent, s.energyMwh, s.lateTold]),
  );
  settledBytes.set(settled, bytes);
  return bytes;
}

type Ranges = [number, number][];
type PackedSettled = [string, string, PackedStart, number | null, Ranges, number[], number, boolean];

function unpackSettled(bytes: Uint8Array): readonly SettledTransaction[] {
  const settled = (unpack(bytes) as PackedSettled[]).map(
    ([id, sessionId, start, stop, seen, recent, energyMwh, lateTold]) => ({
      id,
      sessionId: trusted.session(sessionId),
      start: unpackStart(start),
      stop,
      seen,
      recent,
      energyMwh,
      lateTold,
    }),
  );
  // A copy: the bytes are a view into a row that may go.
  settledBytes.set(settled, bytes.slice());
  return settled;
}

const reviewBytes = new WeakMap<
  readonly KeptCdr[],
  { readonly reviewed: readonly string[]; readonly bytes: Uint8Array }
>();

function packReviews({ kept, reviewed }: TransactionsState): Uint8Array {
  const known = reviewBytes.get(kept);
  if (known?.reviewed === reviewed) return known.bytes;
  const bytes = pack([kept.map(({ cdr, state, signed }) => [cdr, state, signed]), reviewed]);
  reviewBytes.set(kept, { reviewed, bytes });
  return bytes;
}

type PackedReviews = [[Cdr, KeptCdr["state"], boolean][], string[]];

/** Rows of earlier builds have none. */
function unpackReviews(bytes: Uint8Array | undefined): Pick<TransactionsState, "kept" | "reviewed"> {
  if (!bytes) return { kept: [], reviewed: [] };
  const [packed, reviewed] = unpack(bytes) as PackedReviews;
  const kept = packed.map(([cdr, state, signed]) => ({ cdr, state, signed }));
  reviewBytes.set(kept, { reviewed, bytes: bytes.slice() });
  return { kept, reviewed };
}

type PackedLast = [LocalCost | null, Reserved | null] | null;

/** What few have. */
function packLast({ localCost, reserved }: Transaction): PackedLast {
  return localCost || reserved ? [localCost, reserved] : null;
}

function packActive(t: Transaction): unknown[] {
  const { meterStart, meterStop, begin, end, low, high } = t.registers;
  return [
    t.id,
    t.sessionId,
    t.evseId,
    t.connectorId,
    t.idToken,
    t.startedAt,
    packStart(t.start),
    t.endedAt,
    t.stop,
    [meterStart, meterStop, begin, end, low, high],
    t.soFarMwh,
    t.seen,
    t.recent,
    t.connection,
    t.live,
    [t.registry.generation, t.registry.offset],
    t.settleAt,
    t.state,
    t.annotations,
    t.touchedAt,
    t.paused,
    t.signed,
    t.startSaid,
    t.newestAt,
    packLast(t),
  ];
}

type PackedActive = [
  string,
  string,
  number,
  number,
  string | null,
  number,
  PackedStart,
  number | null,
  number | null,
  (number | null)[],
  number,
  Ranges,
  number[],
  string,
  boolean,
  [number, number],
  number | null,
  string | null,
  string[],
  number,
  boolean | undefined,
  boolean | undefined,
  (number | null)?,
  (number | null)?,
  PackedLast?,
];

function unpackActive(f: PackedActive): Transaction {
  const [meterStart = null, meterStop = null, begin = null, end = null, low = null, high = null] = f[9];
  return {
    id: f[0],
    sessionId: trusted.session(f[1]),
    evseId: f[2],
    connectorId: f[3],
    idToken: f[4],
    startedAt: f[5],
    start: unpackStart(f[6]),
    endedAt: f[7],
    stop: f[8],
    registers: { meterStart, meterStop, begin, end, low, high },
    soFarMwh: f[10],
    seen: f[11],
    recent: f[12],
    connection: f[13],
    live: f[14],
    registry: { generation: f[15][0], offset: f[15][1] },
    settleAt: f[16],
    state: f[17],
    annotations: f[18],
    touchedAt: f[19],
    // Rows of earlier builds have none.
    paused: f[20] ?? false,
    signed: f[21] ?? false,
    startSaid: f[22] ?? null,
    newestAt: f[23] ?? null,
    localCost: f[24]?.[0] ?? null,
    reserved: f[24]?.[1] ?? null,
  };
}

export function packTransactions(state: TransactionsState): unknown[] {
  const { active, settled, kept, reviewed } = state;
  const reviews = kept.length > 0 || reviewed.length > 0 ? [packReviews(state)] : [];
  return [active.map(packActive), packSettled(settled), ...reviews];
}

export function unpackTransactions(packed: unknown): TransactionsState {
  const [active, settled, reviews] = packed as [PackedActive[], Uint8Array, Uint8Array | undefined];
  return { active: active.map(unpackActive), settled: unpackSettled(settled), ...unpackReviews(reviews) };
}
