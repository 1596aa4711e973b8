// Misfortune: which fault begins when, and when it is over. All of them are faults that a cluster must bear
// (reliability.md, fault matrix); several may run at once.
import type { Process } from "./process.ts";
import type { Random } from "./random.ts";
import type { World } from "./world.ts";

type Fault = (world: World, random: Random) => void;

const hourMs = 3_600_000;

/** Begins now and is over after a while. */
function forSome(world: World, what: string, ms: number, begin: () => void, end: () => void): void {
  world.note(`${what} for ${(ms / 1000).toFixed(1)} s`);
  begin();
  world.scheduler.io(ms, undefined, `${what} is over`, end);
}

function freeze(world: World, process: Process, ms: number): void {
  const { scheduler } = world;
  forSome(
    world,
    `${process.name} is frozen`,
    ms,
    () => scheduler.freeze(process),
    () => scheduler.thaw(process),
  );
}

const faults: readonly (readonly [weight: number, fault: Fault])[] = [
  [
    4,
    (world, random) => {
      const { weather } = world;
      const partition = random.whole(0, weather.partitions.length - 1);
      const mood = random.pick(["refusing", "doubtful", "crawling"] as const);
      forSome(
        world,
        `partition ${partition} is ${mood}`,
        random.between(300, 9_000),
        () => (weather.partitions[partition] = mood),
        () => (weather.partitions[partition] = "well"),
      );
    },
  ],
  [
    3,
    (world, random) => {
      const at = random.whole(0, world.gateways.length - 1);
      world.killGateway(at);
      world.scheduler.io(random.between(500, 6_000), undefined, "gateway starts anew", () => world.startGateway(at));
    },
  ],
  [3, (world, random) => freeze(world, random.pick(world.gateways).process, random.between(500, 20_000))],
  [
    2,
    (world, random) => {
      const at = random.whole(0, world.gateways.length - 1);
      world.note(`${world.gateways[at]!.process.name} drains`);
      world.drainGateway(at);
    },
  ],
  [
    3,
    (world, random) => {
      const at = random.whole(0, world.processors.length - 1);
      world.killProcessor(at);
      world.scheduler.io(random.between(300, 4_000), undefined, "processor starts anew", () =>
        world.startProcessor(at),
      );
    },
  ],
  [2, (world, random) => freeze(world, random.pick(world.processors).process, random.between(500, 12_000))],
  [3, (world, random) => world.rebalance(random.between(0, 8_000))],
  [
    2,
    (world, random) => {
      const at = random.whole(0, world.apis.length - 1);
      world.killApi(at);
      world.scheduler.io(random.between(300, 3_000), undefined, "api starts anew", () => world.startApi(at));
    },
  ],
  [1, (world, random) => freeze(world, random.pick(world.apis).process, random.between(500, 8_000))],
  [
    2,
    (world, random) => {
      const { weather } = world;
      forSome(
        world,
        "the store is down",
        random.between(100, 4_000),
        () => (weather.isStoreDown = true),
        () => (weather.isStoreDown = false),
      );
    },
  ],
  [
    2,
    (world, random) => {
      const { weather } = world;
      forSome(
        world,
        "the store is in doubt",
        random.between(500, 8_000),
        () => (weather.storeDoubt = 0.3),
        () => (weather.storeDoubt = 0),
      );
    },
  ],
  [2, (world, random) => world.note(`the store loses ${world.store.loseCommits(random.whole(1, 8))} commits`)],
  [
    2,
    (world, random) => {
      const { redis } = world;
      forSome(
        world,
        "redis is down",
        random.between(200, 8_000),
        () => redis.down(),
        () => redis.up(),
      );
    },
  ],
  [
    2,
    (world) => {
      world.note("redis is flushed");
      world.redis.flush();
    },
  ],
  [
    2,
    (world) => {
      world.note("redis fails over with lost writes");
      world.redis.loseWrites();
    },
  ],
  [
    2,
    (world, random) => {
      const { weather } = world;
      forSome(
        world,
        "the bus loses and repeats",
        random.between(1_000, 12_000),
        () => {
          weather.busLoss = 0.3;
          weather.busRepeats = 0.3;
        },
        () => {
          weather.busLoss = 0;
          weather.busRepeats = 0;
        },
      );
    },
  ],
  [
    2,
    (world, random) => {
      const { weather } = world;
      const { process } = random.pick(world.gateways);
      forSome(
        world,
        `${process.name} is cut off from the log`,
        random.between(500, 7_000),
        () => weather.cutOffLog.add(process),
        () => weather.cutOffLog.delete(process),
      );
    },
  ],
  [
    1,
    (world, random) => {
      const { redis } = world;
      const { process } = random.pick(world.gateways);
      forSome(
        world,
        `${process.name} is cut off from redis`,
        random.between(500, 15_000),
        () => redis.cutOff(process),
        () => redis.reconnect(process),
      );
    },
  ],
  [
    1,
    (world, random) => {
      const { process } = random.pick([...world.gateways, ...world.processors, ...world.apis]);
      process.machine.skew = random.pick([-hourMs, hourMs, 10_000, -10_000]);
      world.note(`the clock of ${process.name} jumps by ${process.machine.skew / 1000} s`);
    },
  ],
  [
    2,
    (world, random) => {
      const { weather } = world;
      forSome(
        world,
        "records come twice",
        random.between(1_000, 10_000),
        () => (weather.repeats = 0.2),
        () => (weather.repeats = 0),
      );
    },
  ],
  [
    1,
    (world, random) => {
      const { weather } = world;
      forSome(
        world,
        "readers are rewound",
        random.between(500, 4_000),
        () => (weather.rewindShare = 0.1),
        () => (weather.rewindShare = 0),
      );
    },
  ],
];

const totalWeight = faults.reduce((sum, [weight]) => sum + weight, 0);

/** @param until no fault begins after this time; what has begun may last longer. */
export function wreakHavoc(world: World, everyMs: number, until: number): void {
  const { scheduler } = world;
  const { random } = scheduler;
  const next = (): void =>
    void scheduler.io(random.between(everyMs / 4, everyMs * 1.5), undefined, "fate", () => {
      if (scheduler.now > until) return;
      let at = random.between(0, totalWeight);
      const fault = faults.find(([weight]) => (at -= weight) < 0) ?? faults[0]!;
      fault[1](world, random);
      next();
    });
  next();
}
