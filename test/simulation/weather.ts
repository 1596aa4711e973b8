// How bad things are at the moment. Faults are drawn at the ports: chaos.ts turns these knobs, and sets all of them back
// when a run has seen enough.
import type { Random } from "./random.ts";
import type { Process } from "./process.ts";

export type AppendFate = "well" | "slow" | "refused" | "storedAndRefused" | "refusedAndLate" | "twice";
export type StoreFate = "well" | "refused" | "committedAndRefused";

/** What a partition of the log does with appends. */
export type PartitionMood = "well" | "refusing" | "doubtful" | "crawling";

const moods: Readonly<Record<PartitionMood, readonly (readonly [AppendFate, number])[]>> = {
  well: [["well", 1]],
  refusing: [
    ["refused", 0.9],
    ["refusedAndLate", 0.1],
  ],
  doubtful: [
    ["well", 0.45],
    ["slow", 0.1],
    ["refused", 0.15],
    ["storedAndRefused", 0.15],
    ["refusedAndLate", 0.15],
  ],
  crawling: [
    ["slow", 0.8],
    ["well", 0.2],
  ],
};

export class Weather {
  readonly random: Random;
  /** By partition of the frames. */
  readonly partitions: PartitionMood[];
  /** Processes that cannot reach the log. */
  readonly cutOffLog = new Set<Process>();
  /** Processes that cannot reach Redis. */
  readonly cutOffBus = new Set<Process>();
  isBusDown = false;
  /** Share of messages on the bus that are lost, or delivered twice. */
  busLoss = 0;
  busRepeats = 0;
  isStoreDown = false;
  storeDoubt = 0;
  /** Share of appends that stand in the log twice. */
  repeats = 0;
  rewindShare = 0;
  /** Milliseconds that are usual on the network, and for a sync. */
  networkMs = 1;
  syncMs = 3;

  constructor(random: Random, partitions: number) {
    this.random = random;
    this.partitions = Array.from({ length: partitions }, () => "well");
  }

  /** Nothing fails any more. */
  clear(): void {
    this.partitions.fill("well");
    this.cutOffLog.clear();
    this.cutOffBus.clear();
    this.isBusDown = false;
    this.busLoss = 0;
    this.busRepeats = 0;
    this.isStoreDown = false;
    this.storeDoubt = 0;
    this.repeats = 0;
    this.rewindShare = 0;
  }

  append(process: Process, isFrames: boolean, partition: number): AppendFate {
    if (this.cutOffLog.has(process)) return this.random.chance(0.8) ? "refused" : "storedAndRefused";
    if (isFrames && this.random.chance(this.repeats)) return "twice";
    let at = this.random.next();
    for (const [fate, share] of moods[this.partitions[partition] ?? "well"]) {
      if ((at -= share) < 0) return fate;
    }
    return "well";
  }

  readFails(process: Process): boolean {
    return this.cutOffLog.has(process) && this.random.chance(0.5);
  }

  rewinds(isFrames: boolean): boolean {
    return isFrames && this.rewindShare > 0 && this.random.chance(this.rewindShare);
  }

  write(): StoreFate {
    if (this.isStoreDown) return this.random.chance(0.7) ? "refused" : "committedAndRefused";
    if (!this.random.chance(this.storeDoubt)) return "well";
    return this.random.chance(0.5) ? "refused" : "committedAndRefused";
  }

  storeReadFails(): boolean {
    return this.isStoreDown || this.random.chance(this.storeDoubt / 2);
  }

  latency(): number {
    return this.random.delay(this.networkMs);
  }

  syncLatency(): number {
    return this.random.delay(this.syncMs);
  }

  /** Up to well over the time that an answer may wait. */
  slowness(): number {
    return this.random.chance(0.3) ? this.random.between(5_000, 16_000) : this.random.between(100, 2_500);
  }
}
