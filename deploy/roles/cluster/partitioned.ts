// A role whose work is divided by partition: starts and stops one service a partition as the assignment says.
import type { Readiness, Service } from "../../../core/runtime/service.ts";

export interface PartitionService extends Service {
  problems(): readonly Readiness[];
}

/** A partition that reports a problem for so long begins anew: it may have been a zombie that lost to another. */
const renewAfterMs = 10_000;

export class Partitioned {
  private readonly make: (partition: number) => PartitionService;
  private readonly running = new Map<number, PartitionService>();
  private readonly sickSince = new Map<number, number>();

  constructor(make: (partition: number) => PartitionService) {
    this.make = make;
  }

  async take(partition: number): Promise<void> {
    const service = this.make(partition);
    this.running.set(partition, service);
    await service.start();
  }

  async give(partition: number): Promise<void> {
    const service = this.running.get(partition);
    this.running.delete(partition);
    this.sickSince.delete(partition);
    await service?.drain();
    await service?.stop();
  }

  readiness(): Readiness[] {
    return [...this.running.values()].flatMap((service) => service.problems());
  }

  /** @param now monotonic ms */
  async renewSick(now: number): Promise<void> {
    for (const [partition, service] of this.running) {
      if (service.problems().every(({ problem }) => problem === undefined)) {
        this.sickSince.delete(partition);
        continue;
      }
      const since = this.sickSince.get(partition) ?? now;
      this.sickSince.set(partition, since);
      if (now - since < renewAfterMs) continue;
      await this.give(partition);
      await this.take(partition);
    }
  }
}
