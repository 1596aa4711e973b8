// How many pods, partitions and brokers a fleet needs, and how many bytes it leaves behind: arithmetic over what was measured
// (docs/capacity.md tells each formula and where its figure is from).
import { limits } from "../../core/config/limits.ts";

/**
 * What a frame of 300 bytes costs: CPU in µs of the process, bytes with everything that follows from it. `npm run bench --
 * whole` (gateway, kafka: medians of three runs) and `replay --cluster` (2 000 stations: processor, projector, postgres,
 * bytes), on 2 cores of AMD EPYC, 12 partitions, one replica.
 */
export const measured = {
  gatewayMicros: 24.5,
  kafkaMicros: 31.3,
  processorMicros: 40.8,
  projectorMicros: 20.3,
  postgresMicros: 36.2,
  logBytes: 960,
  storeBytes: 1_567,
  /** kB of a gateway's memory for an idle connection, state included: `npm run bench -- idle`. */
  connectionKilobytes: 2.08,
  /** kB of each gateway, processor and api for an entry of the registry: bench/registry.ts. */
  registryEntryKilobytes: 0.3,
} as const;

/** Assumed, not measured: margins that a platform team may see otherwise. */
export const margins = {
  /** Of a core at the peak; the rest is for a restart's catching up and a neighbour's share. */
  busy: 0.5,
  /** MB of a process before its first station. */
  processMegabytes: 250,
  brokerTerabytes: 2,
  diskFilled: 0.7,
  replicas: 3,
  /** Of each role: one may be gone. */
  fewestPods: 2,
  fewestBrokers: 3,
  /** So many partitions for each processor, that a restart of one spreads over the others. */
  partitionsPerProcessor: 4,
  fewestPartitions: 12,
} as const;

export interface Fleet {
  readonly stations: number;
  /** Frames that a station sends an hour, on average. */
  readonly framesPerHour: number;
  /** The busiest minutes against the average. */
  readonly peak: number;
  /** Tokens in the registry. */
  readonly tokens: number;
  /** A gateway's connections when all gateways are there. */
  readonly connectionsPerGateway: number;
  /** Days that records stay in Kafka before the archive alone has them. */
  readonly logDays: number;
}

export const usualFleet: Omit<Fleet, "stations"> = {
  // A heartbeat every five minutes (12), and metering once a minute while one of six charges (10).
  framesPerHour: 22,
  peak: 3,
  tokens: 0,
  connectionsPerGateway: 10_000,
  logDays: 7,
};

export interface RolePlan {
  readonly pods: number;
  /** Of each pod, cores at the peak. */
  readonly cores: number;
  readonly megabytes: number;
}

export interface Plan {
  readonly framesPerSecond: { readonly average: number; readonly peak: number };
  readonly gateway: RolePlan;
  readonly processor: RolePlan;
  readonly projector: RolePlan;
  readonly api: RolePlan;
  readonly partitions: number;
  readonly kafka: { readonly brokers: number; readonly coresEach: number; readonly terabytesEach: number };
  /** Rows are kept: what is no longer wanted is for the operator to partition off (docs/capacity.md). */
  readonly postgres: { readonly cores: number; readonly gigabytesPerDay: number; readonly megabytesPerSecond: number };
  /** Of the archive, GB a day, as the log has them. */
  readonly archiveGigabytesPerDay: number;
  /** What this plan leans on that nobody has measured, and where one cluster ends. */
  readonly notes: readonly string[];
}

const secondsPerHour = 3_600;
const secondsPerDay = 86_400;
/** Guessed, not measured: above this one Postgres is the first to be in the way, MB/s of rows and indexes at the peak. */
const postgresMegabytesPerSecond = 150;
/** One thread of a process does the role's work: it has no use for more than a core and a little. */
const coresOfAProcess = 1;

export function capacityOf(fleet: Fleet): Plan {
  const average = (fleet.stations * fleet.framesPerHour) / secondsPerHour;
  const peak = average * fleet.peak;
  const registryMegabytes = ((fleet.stations + fleet.tokens) * measured.registryEntryKilobytes) / 1_000;
  const cores = (micros: number): number => (peak * micros) / 1e6 / margins.busy;

  const gatewayPods = Math.max(
    podsFor(cores(measured.gatewayMicros)),
    Math.ceil(fleet.stations / fleet.connectionsPerGateway) + 1,
  );
  // With one gone the others hold its stations too.
  const connections = fleet.stations / (gatewayPods - 1);
  const processorPods = podsFor(cores(measured.processorMicros));
  const projectorPods = podsFor(cores(measured.projectorMicros));
  const memory = margins.processMegabytes + registryMegabytes;
  const logTerabytes = (average * measured.logBytes * secondsPerDay * fleet.logDays * margins.replicas) / 1e12;
  const brokers = Math.max(
    margins.fewestBrokers,
    Math.ceil(logTerabytes / margins.diskFilled / margins.brokerTerabytes),
    Math.ceil((cores(measured.kafkaMicros) * margins.replicas) / 4),
  );
  const postgres = {
    cores: rounded(cores(measured.postgresMicros)),
    gigabytesPerDay: rounded((average * measured.storeBytes * secondsPerDay) / 1e9),
    megabytesPerSecond: rounded((peak * measured.storeBytes) / 1e6),
  };
  return {
    framesPerSecond: { average: rounded(average), peak: rounded(peak) },
    gateway: {
      pods: gatewayPods,
      cores: rounded(cores(measured.gatewayMicros) / gatewayPods),
      megabytes: Math.ceil(memory + (connections * measured.connectionKilobytes) / 1_000),
    },
    processor: {
      pods: processorPods,
      cores: rounded(cores(measured.processorMicros) / processorPods),
      megabytes: Math.ceil(memory),
    },
    projector: {
      pods: projectorPods,
      cores: rounded(cores(measured.projectorMicros) / projectorPods),
      megabytes: margins.processMegabytes,
    },
    api: { pods: margins.fewestPods, cores: coresOfAProcess, megabytes: Math.ceil(memory) },
    partitions: partitionsFor(Math.max(processorPods, projectorPods)),
    kafka: {
      brokers,
      coresEach: rounded((cores(measured.kafkaMicros) * margins.replicas) / brokers),
      terabytesEach: rounded(logTerabytes / margins.diskFilled / brokers),
    },
    postgres,
    archiveGigabytesPerDay: rounded((average * measured.logBytes * secondsPerDay) / 1e9),
    notes: notesOn({ connections, registryMegabytes, write: postgres.megabytesPerSecond }),
  };
}

/** One more than the load asks for. */
function podsFor(cores: number): number {
  return Math.max(margins.fewestPods, Math.ceil(cores / coresOfAProcess) + 1);
}

/** Twelve, twenty-four, forty-eight, …: whatever number of pods comes to be, they share evenly. */
function partitionsFor(pods: number): number {
  let partitions: number = margins.fewestPartitions;
  while (partitions < pods * margins.partitionsPerProcessor) partitions *= 2;
  return partitions;
}

function notesOn(of: { connections: number; registryMegabytes: number; write: number }): string[] {
  const notes = ["Kafka was measured with one replica; the plan counts its CPU once for each of three."];
  if (of.connections > limits.connectionsPerNode) {
    notes.push(
      `With one gateway gone the others hold ${Math.ceil(of.connections)} connections each; a node takes ${limits.connectionsPerNode}.`,
    );
  }
  if (of.write > postgresMegabytesPerSecond) {
    notes.push(
      `Postgres would write ${of.write} MB/s at the peak, above ${postgresMegabytesPerSecond}: several clusters, each with a part of the fleet.`,
    );
  }
  if (of.registryMegabytes > 2_000) {
    notes.push(
      `The registry takes ${Math.ceil(of.registryMegabytes)} MB of each gateway, processor and api: several clusters, each with a part of the fleet.`,
    );
  }
  return notes;
}

/** Two digits, and whole numbers where they are large. */
function rounded(value: number): number {
  return Number(value >= 100 ? value.toFixed(0) : value.toPrecision(2));
}
