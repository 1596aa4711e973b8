// What partners are told, by partition: whoever projects a partition feeds what happens in it to the queues, and sends to the
// partners that are at home in it. It asks those for their tokens as well.
import type { Readiness } from "../../../core/runtime/service.ts";
import { EventFeed } from "./event-feed.ts";
import { EvseStatuses } from "./evse-statuses.ts";
import type { Feed } from "./feed.ts";
import type { PushNeeds } from "./needs.ts";
import { registryFeed } from "./registry-feed.ts";
import type { PartnerRounds } from "./partner-rounds.ts";
import { ResultSender } from "./results.ts";
import { PushSender } from "./sender.ts";
import { HubClientPulls } from "../hub-client-pulls.ts";
import { ListPulls } from "../list-pulls.ts";
import { TokenPulls } from "../token-pulls.ts";

const name = "pushes";

interface Part {
  readonly problem: string | undefined;
  start(): void;
  stop(): Promise<void>;
}

export class Pushes {
  private readonly needs: PushNeeds;
  private readonly statuses: EvseStatuses;
  /** What is done for each partner. */
  private readonly work: readonly (PushSender | PartnerRounds)[];
  private readonly feeds = new Map<number, readonly Part[]>();

  constructor(needs: PushNeeds) {
    this.needs = needs;
    this.statuses = new EvseStatuses(needs);
    const pulls = [new TokenPulls(needs), new HubClientPulls(needs)].map((list) => new ListPulls(needs, list).rounds);
    this.work = [new PushSender(needs), new ResultSender(needs).rounds, ...pulls];
  }

  start(): void {
    for (const work of this.work) work.start();
  }

  /** @param owns whether this process is the partition's now; undefined: no other could be */
  take(partition: number, owns?: () => Promise<boolean>): void {
    const events = new EventFeed(this.needs, partition, this.statuses, owns);
    const registry: readonly Feed[] = partition === 0 ? [registryFeed(this.needs, this.statuses, owns)] : [];
    const parts = [events, ...registry];
    this.feeds.set(partition, parts);
    for (const part of parts) part.start();
    for (const work of this.work) work.take(partition, owns);
  }

  /** Resolves when nothing of this process feeds or sends for the partition any more. */
  async give(partition: number): Promise<void> {
    const parts = this.feeds.get(partition) ?? [];
    this.feeds.delete(partition);
    const given = this.work.map((work) => work.give(partition));
    await Promise.all([...parts.map((part) => part.stop()), ...given]);
  }

  /** A note: everything else goes on without them. */
  readiness(): Readiness {
    const notes = [...this.feeds.keys()].flatMap((partition) => this.readinessOf(partition));
    return { name, problem: undefined, note: notes[0]?.note };
  }

  /** Empty where nothing stands still. */
  readinessOf(partition: number): readonly Readiness[] {
    const problem = this.feeds.get(partition)?.find((part) => part.problem !== undefined)?.problem;
    if (problem === undefined) return [];
    return [{ name, problem: undefined, note: `partners are not told of partition ${partition}: ${problem}` }];
  }

  async stop(): Promise<void> {
    await Promise.all([...this.feeds.keys()].map((partition) => this.give(partition)));
    await Promise.all(this.work.map((work) => work.stop()));
    this.statuses.close();
  }
}
