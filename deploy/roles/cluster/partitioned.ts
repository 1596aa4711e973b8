// A role whose work is divided by partition: starts and stops one service a partition as the assignment says.
import type { Readiness, Service } from "../../../core/runtime/service.ts";

export interface PartitionService extends Service {
  problems(): readonly Readiness[];
}

export class Partitioned {
  private readonly make: (partition: number) => PartitionService;
  private readonly running = new Map<number, PartitionService>();

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
    await service?.drain();
    await service?.stop();
  }

  readiness(): Readiness[] {
    return [...this.running.values()].flatMap((service) => service.problems());
  }
}
