// Roaming at scale, end to end: stations on sockets say their statuses, partners on sockets page lists and are pushed to; all of
// wattlog in one process between them.
import { loadavg } from "node:os";
import { setTimeout as pause } from "node:timers/promises";

import { Child } from "./load/process.ts";
import { putLocations } from "./load/ocpi-registry.ts";
import { Samples } from "./load/samples.ts";
import { loadSettings } from "./load/settings.ts";
import type {
  OcpiPartners,
  Paged,
  StatusChanges,
  StatusStations,
  Target,
  TargetAddress,
  Told,
} from "./load/targets.ts";
import { usedBetween, type CpuUsage } from "./load/usage.ts";
import { atLeast, atMost, figure, InvalidRun, type Figure, type Outcome } from "./report.ts";

const stations = 10_000;
const connectors = 10;
const evses = stations * connectors;
const prefix = "s";

const pagers = 20;
const pageQuery = "limit=100";
const pageGoalMs = 300;

const healthy = 50;
const dead = 5;
const toldGoalMs = 1_000;
/** A change each 50 ms: what a second holds is told before the next one begins. */
const fewPerSecond = 20;
const fewSeconds = 20;

const sustainedPeers = 10;
const manyPerSecond = 1_000;
const manySeconds = 20;

const toldWithinMs = 90_000;
const lookMs = 100;

interface World {
  readonly target: Child<Target>;
  readonly partners: Child<OcpiPartners>;
  readonly fleet: Child<StatusStations>;
  readonly address: TargetAddress;
}

export async function ocpi(folder: string): Promise<Outcome> {
  const before = loadavg()[0]!;
  await putLocations(loadSettings(folder), { stations, connectors, prefix });
  const target = new Child<Target>("./all-server.ts");
  const partners = new Child<OcpiPartners>("./ocpi-partners.ts");
  const fleet = new Child<StatusStations>("./status-stations.ts");
  try {
    const address = await target.ask("start", { folder });
    const { host, port, api } = address;
    await partners.ask("start", api!);
    await fleet.ask("connect", { host, port, stations, connectors, prefix });
    const world = { target, partners, fleet, address };
    const outcomes = [await paging(world), await restart(world), await sustained(world), await reach(world)];
    return {
      goals: outcomes.flatMap(({ goals }) => goals),
      figures: [
        ...outcomes.flatMap(({ figures }) => figures),
        figure("load of the machine before", before, "processes"),
      ],
    };
  } finally {
    await Promise.all([fleet.stop(), partners.stop()]);
    await target.stop();
  }
}

async function paging({ target, partners }: World): Promise<Outcome> {
  await partners.ask("register", { count: pagers, isPushed: false });
  // The first pages find code that was never compiled, and rows that nobody has read.
  await partners.ask("page", { peers: 2, query: pageQuery });
  const cpu = await target.ask("cpu");
  const whole = await paged(partners, pageQuery, evses);
  const used = usedBetween(cpu, await target.ask("cpu"));
  const from = new Date(Date.now() - 3_600_000).toISOString();
  const dated = await paged(partners, `${pageQuery}&date_from=${from}`, evses);
  const name = `page of 100 locations (1 000 EVSEs) of ${evses} EVSEs, ${pagers} partners at once`;
  const datedName = `page of what changed in the last hour (all of it), ${pagers} partners at once`;
  return {
    goals: [
      atMost(`${name}, p95`, pageGoalMs, whole.p95, "ms", [whole]),
      atMost(`${datedName}, p95`, pageGoalMs, dated.p95, "ms", [dated]),
    ],
    figures: [
      figure("page, p50", whole.p50, "ms"),
      figure("page, most", whole.most, "ms"),
      figure("page of what changed, p50", dated.p50, "ms"),
      figure("page of what changed, most", dated.most, "ms"),
      figure("CPU of a page, every thread", used.process / whole.pages / 1_000, "ms"),
    ],
  };
}

async function paged(partners: World["partners"], query: string, expected: number): Promise<Paged> {
  const found = await partners.ask("page", { peers: pagers, query });
  const wrong = found.evses.find((count) => count !== expected);
  if (wrong !== undefined) throw new InvalidRun(`A partner was told of ${wrong} EVSEs of ${expected}.`);
  return found;
}

/** From here on the first ten partners that are pushed to are there: those of the pages have no such interface. */
async function restart(world: World): Promise<Outcome> {
  const { partners, fleet } = world;
  await partners.ask("register", { count: sustainedPeers, isPushed: true });
  await told(world, sustainedPeers, { count: 100, perSecond: 100, first: 0, status: "Faulted" });
  await partners.ask("forget");
  const started = performance.now();
  // Those that were out of order say that they are available again: that is a change, and told.
  await fleet.ask("restart");
  const seconds = (performance.now() - started) / 1_000;
  await told(world, sustainedPeers, { count: 1, perSecond: 1, first: 5_000, status: "Unavailable" });
  const pushed = (await partners.ask("counts")).slice(-sustainedPeers);
  const changed = 100 + 1;
  const statuses = pushed.map(({ statusPushes }) => statusPushes - changed);
  return {
    goals: [
      atMost(
        `status pushes that a rolling restart of ${stations} stations causes, to each of ${sustainedPeers} partners`,
        0,
        Math.max(...statuses.map(Math.abs)),
        "pushes",
        statuses,
      ),
    ],
    figures: [figure(`rolling restart of ${stations} stations`, seconds, "s")],
  };
}

async function sustained(world: World): Promise<Outcome> {
  const { target } = world;
  const cpu = await target.ask("cpu");
  const changes = {
    count: manyPerSecond * manySeconds,
    perSecond: manyPerSecond,
    first: 10_000,
    status: "Unavailable",
  };
  const { latencies, known, lastMs } = await told(world, sustainedPeers, changes);
  const used = usedBetween(cpu, await target.ask("cpu"));
  const [p50 = Number.NaN, p99 = Number.NaN] = latencies.quantiles([0.5, 0.99]);
  const name = `status changes a second to ${sustainedPeers} partners at ${manyPerSecond} a second, known a second after the last`;
  return {
    goals: [atLeast(name, manyPerSecond, known / manySeconds, "changes/s", [{ p50, p99, lastMs }])],
    figures: [
      figure("the same, p50 from station to partner", p50, "ms"),
      figure("the same, p99 from station to partner", p99, "ms"),
      figure("the same, all of it told", (changes.count * 1_000) / lastMs, "changes/s"),
      ...cpuFigures(used, changes.count * sustainedPeers),
    ],
  };
}

function cpuFigures({ threads }: CpuUsage, pushes: number): readonly Figure[] {
  const folds = threads["processor"];
  return folds === undefined ? [] : [figure("the same, CPU of the folds' thread a push", folds / pushes, "µs")];
}

async function reach(world: World): Promise<Outcome> {
  const { partners } = world;
  await partners.ask("register", { count: healthy - sustainedPeers + dead, isPushed: true });
  await partners.ask("die", { count: dead });
  const count = fewPerSecond * fewSeconds;
  const { latencies } = await told(world, healthy, {
    count,
    perSecond: fewPerSecond,
    first: 40_000,
    status: "Faulted",
  });
  const [p50 = Number.NaN, p99 = Number.NaN, most = Number.NaN] = latencies.quantiles([0.5, 0.99, 1]);
  const name = `status change reaches ${healthy} partners while ${dead} are dead, p99`;
  return {
    goals: [atMost(name, toldGoalMs, p99, "ms", [{ p50, p99, most }])],
    figures: [
      figure("status change reaches a partner, p50", p50, "ms"),
      figure("status change reaches a partner, most", most, "ms"),
    ],
  };
}

interface Reached {
  /** From the station's frame to the partner's request, ms; one a change and partner. */
  readonly latencies: Samples;
  /** Changes that each partner knew a second after the last one was sent; of the partner that knew least. */
  readonly known: number;
  /** From the first frame to the last partner's last push. */
  readonly lastMs: number;
}

/** @param peers so many of those that are pushed to, in order of registration: they came after those of the pages. @throws InvalidRun where not all was told in time */
async function told({ partners, fleet }: World, peers: number, changes: StatusChanges): Promise<Reached> {
  const sentAt = await fleet.ask("change", changes);
  const until = Date.now() + toldWithinMs;
  for (;;) {
    const counts = (await partners.ask("counts")).slice(pagers, pagers + peers);
    const open = counts.map((partner) => timesOf(partner, changes).filter((at) => at === undefined).length);
    const left = open.reduce((sum, each) => sum + each, 0);
    if (left === 0) return reached(counts, changes, sentAt);
    if (Date.now() > until) throw new InvalidRun(`${left} of ${changes.count * peers} pushes did not come in time.`);
    await pause(lookMs);
  }
}

function timesOf({ statuses }: Told, { count, first }: StatusChanges): readonly (number | undefined)[] {
  return Array.from({ length: count }, (_, n) => {
    const of = first + n;
    return statuses.get(`${prefix}${of % stations}-${1 + Math.floor(of / stations)}`);
  });
}

function reached(counts: readonly Told[], changes: StatusChanges, sentAt: Float64Array): Reached {
  const latencies = new Samples();
  const end = sentAt.at(-1)! + toldGoalMs;
  let known = changes.count;
  let last = 0;
  for (const partner of counts) {
    const times = timesOf(partner, changes) as readonly number[];
    times.forEach((at, n) => latencies.add(at - sentAt[n]!));
    known = Math.min(known, times.filter((at) => at <= end).length);
    last = Math.max(
      last,
      ...times.slice(-1),
      times.reduce((most, at) => Math.max(most, at), 0),
    );
  }
  return { latencies, known, lastMs: last - sentAt[0]! };
}
