// What the benchmark's processes can be asked; the files that answer are named in each.
import type { ApiLoad, ApiLoaded } from "./api-load.ts";
import type { Latency } from "./samples.ts";
import type { CpuUsage, MemoryUsage } from "./usage.ts";

/** A server under test: echo-server.ts, gateway-server.ts, kafka-gateway-server.ts, all-server.ts, ocpp-rpc-server.ts. */
export interface Target {
  start(input: TargetOptions): Promise<TargetAddress>;
  cpu(): Promise<CpuUsage>;
  /** After a collection; the process needs --expose-gc. */
  memory(): Promise<MemoryUsage>;
  /** Of the log since the last call; undefined where there is none. */
  log(): Promise<LogFigures | undefined>;
}

export interface TargetOptions {
  /** Is made, and removed at the end. Its disk is what is measured: a file system in memory syncs for nothing. */
  readonly folder: string;
  /** Whether `log` tells the latency of appends. */
  readonly timeAppends?: boolean;
  /** gateway-server.ts: stations that are in the registry, each with this password. */
  readonly registered?: { readonly prefix: string; readonly stations: number; readonly password: string };
  /** kafka-gateway-server.ts: where the log is. */
  readonly kafka?: KafkaTarget;
}

export interface KafkaTarget {
  readonly brokers: readonly string[];
  readonly driver: "platformatic" | "kafkajs";
  readonly partitions: number;
  /** Topics are made under this number. */
  readonly generation: number;
}

export interface TargetAddress {
  readonly host: string;
  readonly port: number;
  /** Where it has REST. */
  readonly api?: { readonly url: string; readonly token: string };
}

export interface LogFigures {
  readonly commits: number;
  readonly recordsPerCommit: number;
  /** From begin to synced. */
  readonly commitP50Ms: number;
  readonly commitP99Ms: number;
  /** Call to receipt, of the main thread's appends; empty where they are not measured. */
  readonly append: Latency;
}

/** Clients: generator.ts. */
export interface Generator {
  connect(input: ConnectOptions): Promise<void>;
  /** Each station boots (and begins a transaction) and is answered. */
  boot(input: { readonly transactions: boolean }): Promise<void>;
  /** Closed loop: each station sends its next frame when the one before is answered. */
  exchange(input: { readonly ms: number }): Promise<Exchanged>;
  /** Open loop: each station sends a frame each `everyMs`, whatever the answers take. */
  pace(input: { readonly ms: number; readonly everyMs: number }): Promise<Exchanged>;
  /** Of each station since its boot. */
  sent(): Promise<readonly SentByStation[]>;
  status(): Promise<{ readonly commandsAnswered: number; readonly lost: readonly string[] }>;
}

export interface SentByStation {
  readonly station: string;
  /** MeterValues, two readings each. */
  readonly frames: number;
  /** Of the last one. */
  readonly energyWh: number;
}

export interface ConnectOptions {
  readonly host: string;
  readonly port: number;
  readonly stations: number;
  /** Identities are `<prefix><n>`. */
  readonly prefix: string;
  /** An OCPP gateway; otherwise a server that sends back what it gets. */
  readonly ocpp: boolean;
  /** Last address of 127.0.0.0/8 that is used, beginning at 127.0.0.1. */
  readonly addresses: number;
  /** By basic auth, the identity as the user. */
  readonly password?: string;
  /** Connects, and later boots, under way at a time; 100 where nothing is said. */
  readonly atOnce?: number;
}

export interface Exchanged {
  readonly frames: number;
  readonly seconds: number;
  /** Sent and not answered within five seconds after the end. */
  readonly unanswered: number;
  /** Answers with another id or of another length than expected. */
  readonly wrong: number;
  /** Connections that ended, each with why. */
  readonly lost: readonly string[];
  /** From a frame's send to its answer. */
  readonly latency: Latency;
  /** Of the generator's process. */
  readonly cpuMicros: number;
}

/** Callers of the REST interface: api-generator.ts. */
export interface ApiGenerator {
  load(input: ApiLoad): Promise<ApiLoaded>;
}

/** Folding a log that is there: replay-server.ts. */
export interface Replay {
  replay(input: ReplayOptions): Promise<Replayed>;
}

export interface ReplayOptions {
  readonly folder: string;
  /** MeterValues of 300 bytes, in transactions. */
  readonly frames: number;
  readonly stations: number;
}

export interface Replayed {
  readonly frames: number;
  /** Of the thread that folds, from the first record to the last row. */
  readonly cpuMicros: number;
  readonly seconds: number;
  /** Rows that came of it. */
  readonly meterValues: number;
  readonly inMemory: { readonly frames: number; readonly cpuMicros: number };
}

/** Stations that tell statuses: status-stations.ts. */
export interface StatusStations {
  /** Each connects, boots and says that every connector is available. */
  connect(input: StatusStationsOptions): Promise<void>;
  /** Each goes, comes back, boots and says the same; fifty at a time. */
  restart(): Promise<void>;
  /** @returns when each left, epoch ms. */
  change(input: StatusChanges): Promise<Float64Array>;
}

export interface StatusStationsOptions {
  readonly host: string;
  readonly port: number;
  readonly stations: number;
  readonly connectors: number;
  /** Identities are `<prefix><n>`. */
  readonly prefix: string;
}

export interface StatusChanges {
  readonly count: number;
  readonly perSecond: number;
  /** Change k is of connector 1 + floor(k / stations) of station k % stations; this is the first k. */
  readonly first: number;
  readonly status: string;
}

/** Roaming partners: ocpi-partners.ts. */
export interface OcpiPartners {
  start(api: { readonly url: string; readonly token: string }): Promise<void>;
  /** More of them. @param input isPushed: whether they have an interface that is pushed to */
  register(input: { readonly count: number; readonly isPushed: boolean }): Promise<void>;
  /** The first ones read the list of locations at once, each from its first page to its last. */
  page(input: PagedLists): Promise<Paged>;
  /** In order of registration. */
  counts(): Promise<readonly Told[]>;
  /** What was told so far. */
  forget(): Promise<void>;
  /** The last ones take connections and never answer any more. */
  die(input: { readonly count: number }): Promise<void>;
}

export interface PagedLists {
  readonly peers: number;
  /** `limit=100`, and whatever is to be asked for. */
  readonly query: string;
}

export interface Paged {
  readonly pages: number;
  /** From request to the last byte, ms. */
  readonly p50: number;
  readonly p95: number;
  readonly most: number;
  /** That each of them was told of. */
  readonly evses: readonly number[];
}

export interface Told {
  readonly statusPushes: number;
  readonly otherPushes: number;
  /** EVSE to the moment at which its status came first, epoch ms. */
  readonly statuses: ReadonlyMap<string, number>;
}
