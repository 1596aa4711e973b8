// The batcher alone, with bounds so small that it meets them all the time: gateway/append between a log that fails and
// records that know what became of them.
import { Appender, type Pending } from "../../gateway/append/appender.ts";
import type { Journal } from "./journal.ts";
import { LogServer, type Stored } from "./log.ts";
import { Process } from "./process.ts";
import type { Scheduler } from "./scheduler.ts";
import { Weather } from "./weather.ts";

const partitions = 2;
const holdMs = 1_000;
const queueBytes = 4_000;
const mostRecords = 8;
const mostBytes = 1_200;
/** Of a record beyond its bytes, at least. */
const perRecordBytes = 100;
const wildMs = 5_000;
const quietMs = 25_000;

type Fate = "waiting" | "acknowledged" | "lost";

/** Numbers in its first bytes tell it from every other. */
class Slip implements Pending {
  readonly key: string;
  readonly value: Uint8Array;
  readonly essential: boolean;
  readonly number: number;
  readonly partition: number;
  enqueuedAt = 0;
  fate: Fate = "waiting";
  offset = -1;
  isWanted = true;
  private readonly drill: BatcherDrill;

  constructor(drill: BatcherDrill, number: number, partition: number, key: string, essential: boolean, bytes: number) {
    this.drill = drill;
    this.number = number;
    this.partition = partition;
    this.key = key;
    this.essential = essential;
    this.value = Buffer.alloc(bytes);
    Buffer.from(this.value.buffer).writeUInt32LE(number, this.value.byteOffset);
  }

  wanted(): boolean {
    return this.isWanted;
  }

  acknowledged(offset: number, logTime: number): void {
    this.drill.acknowledged(this, offset, logTime);
  }

  lost(): void {
    this.drill.lost(this);
  }
}

export class BatcherDrill {
  private readonly scheduler: Scheduler;
  private readonly journal: Journal;
  private readonly weather: Weather;
  private readonly log: LogServer;
  private readonly appender: Appender;
  private readonly slips: Slip[] = [];
  private isStoredOnce = new Set<number>();

  constructor(scheduler: Scheduler, journal: Journal) {
    this.scheduler = scheduler;
    this.journal = journal;
    this.weather = new Weather(scheduler.random, partitions);
    this.log = new LogServer(scheduler, this.weather, partitions, {
      stored: (_topic, _partition, record) => void this.isStoredOnce.add(numberOf(record)),
      acknowledged: () => undefined,
    });
    const process = new Process(scheduler, "batcher");
    this.appender = new Appender(
      this.log.client(process),
      process.clock,
      { holdMs, queueBytes, batchRecords: mostRecords, batchBytes: mostBytes },
      { stalled: () => undefined, recovered: () => undefined, rejected: () => undefined },
      (run) => void scheduler.io(scheduler.random.between(0, 0.2), process, "turn ends", run),
    );
  }

  async run(): Promise<void> {
    const { scheduler, journal } = this;
    const until = scheduler.now + wildMs;
    this.enqueueSome(until);
    this.changeMoods(until);
    const isBroken = (): boolean => journal.violations.length > 0;
    await scheduler.run(until, isBroken);
    this.weather.clear();
    let isFlushed = false;
    void this.appender.flushed().then(() => (isFlushed = true));
    await scheduler.run(scheduler.now + quietMs, isBroken);
    journal.check("batcher", isFlushed, () => "The batcher never became idle.");
    journal.check("batcher", this.appender.queuedBytes() === 0, () => {
      return `Nothing waits, and ${this.appender.queuedBytes()} bytes are counted.`;
    });
    for (const slip of this.slips) this.checkEnd(slip);
    for (const ofKey of Map.groupBy(this.slips, ({ key }) => key).values()) this.checkOrder(ofKey);
    this.appender.stop();
  }

  acknowledged(slip: Slip, offset: number, logTime: number): void {
    const { journal } = this;
    this.settled(slip, "acknowledged");
    const stored = this.log.all(this.log.topics.frames, slip.partition)[offset];
    const isIts = stored !== undefined && numberOf(stored) === slip.number && stored.logTime === logTime;
    journal.check(
      "promise 1",
      isIts,
      () => `Record ${slip.number} got the receipt of offset ${offset}, which is another's.`,
    );
    journal.check(
      "promise 1",
      stored?.acknowledged === true,
      () => `Record ${slip.number} was told durable too early.`,
    );
    slip.offset = offset;
  }

  lost(slip: Slip): void {
    this.settled(slip, "lost");
    this.journal.check("I2", !slip.essential, () => `Record ${slip.number} was given up, which is essential.`);
  }

  private settled(slip: Slip, fate: Fate): void {
    this.journal.check(
      "batcher",
      slip.fate === "waiting",
      () => `Record ${slip.number} is ${slip.fate} and then ${fate}.`,
    );
    slip.fate = fate;
    this.checkBounds();
  }

  /** A station's records stand in the order in which they were given; receipts may come in another one. */
  private checkOrder(ofKey: readonly Slip[]): void {
    const durable = ofKey.filter(({ fate }) => fate === "acknowledged");
    const late = durable.find((slip, at) => at > 0 && slip.offset < durable[at - 1]!.offset);
    this.journal.check(
      "I2",
      late === undefined,
      () => `Record ${String(late?.number)} stands before an earlier one of its station.`,
    );
  }

  private enqueueSome(until: number): void {
    const { scheduler } = this;
    const { random } = scheduler;
    scheduler.io(random.delay(30), undefined, "records", () => {
      if (scheduler.now > until) return;
      for (let count = random.whole(1, 4); count > 0; count--) this.enqueueOne();
      this.enqueueSome(until);
    });
  }

  private enqueueOne(): void {
    const { random } = this.scheduler;
    const partition = random.whole(0, partitions - 1);
    const key = `${partition}/${random.whole(1, 4)}`;
    const essential = random.chance(0.1);
    const slip = new Slip(this, this.slips.length, partition, key, essential, random.whole(20, 300));
    const isTaken = this.appender.enqueue(partition, slip, random.chance(0.2));
    this.journal.check("I2", isTaken || !essential, () => `Record ${slip.number} was refused, which is essential.`);
    if (!isTaken) return;
    this.slips.push(slip);
    if (random.chance(0.05)) slip.isWanted = false;
    this.checkBounds();
  }

  /** reliability.md, outage of the log: bounded in bytes. Essential records always fit, and are few. */
  private checkBounds(): void {
    const waiting = this.slips.filter(({ fate }) => fate === "waiting");
    const counted = this.appender.queuedBytes();
    const real = waiting.reduce((sum, { value }) => sum + value.length, 0);
    const essential = waiting.reduce(
      (sum, one) => sum + (one.essential ? one.value.length + 2 * perRecordBytes : 0),
      0,
    );
    const most = partitions * (queueBytes + 300 + 2 * perRecordBytes) + essential;
    this.journal.check("outage", counted <= most && real <= most, () => `${counted} bytes wait, at most ${most} may.`);
  }

  private changeMoods(until: number): void {
    const { scheduler, weather } = this;
    const { random } = scheduler;
    scheduler.io(random.between(300, 2_500), undefined, "mood", () => {
      if (scheduler.now > until) return;
      const partition = random.whole(0, partitions - 1);
      weather.partitions[partition] = random.pick(["well", "well", "refusing", "doubtful", "crawling"]);
      this.changeMoods(until);
    });
  }

  private checkEnd(slip: Slip): void {
    const { journal } = this;
    const { number, fate, essential } = slip;
    journal.check("batcher", fate !== "waiting", () => `Nobody said what became of record ${number}.`);
    const isThere = fate !== "acknowledged" || this.isStoredOnce.has(number);
    journal.check("promise 1", isThere, () => `Record ${number} was told durable and is not in the log.`);
    if (essential)
      journal.check("I2", this.isStoredOnce.has(number), () => `Record ${number} is essential and not in the log.`);
  }
}

function numberOf({ value }: Pick<Stored, "value">): number {
  return Buffer.from(value.buffer, value.byteOffset, 4).readUInt32LE();
}
