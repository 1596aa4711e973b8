// Tells what sessions have cost so far, where the registry setting `runningCostSeconds` says how often: stations (2.0.1 I02,
// CostUpdated), and the gateway that holds the station, for its answers (`totalCost`). Every api does it; the messages carry
// keys, so that a station is told each cost once. Nothing is remembered beyond the process.
import { trusted, type PartyId } from "../../core/ids/ids.ts";
import type { PriceSoFar, RunningPrices } from "../../core/ports/running-price.ts";
import { messageOf } from "../../core/runtime/errors.ts";
import { Rounds } from "../../core/runtime/rounds.ts";
import type { CommandSender } from "./command-sender.ts";
import type { ApiOptions } from "./context.ts";
import type { Principal } from "./principal.ts";

const pollMs = 1_000;
/** Each reads a session's readings and prices it; a large fleet is told less often than it was asked for. */
const toldAPoll = 20;
const waitSeconds = 10;

interface Going {
  readonly party: PartyId;
  readonly everyMs: number;
  readonly id: string;
  readonly station: string;
  readonly transaction_id: string;
  readonly protocol: string | null;
  readonly last_updated: number;
}

interface Known {
  /** Of the session's row that it was told by. */
  readonly lastUpdated: number;
  /** What the station took; null: nothing yet. */
  readonly cost: string | null;
  /** The station does not know the message, and is not told again. */
  readonly isDeaf: boolean;
  /** Monotonic ms. */
  readonly at: number;
}

/** For whoever shows it to a driver: of a calibrated station it is not what the meter signed (docs/calibration.md). */
function markOf({ isUnsigned }: PriceSoFar): { readonly customData?: object } {
  return isUnsigned ? { customData: { vendorId: "wattlog", unsigned: true } } : {};
}

export class CostTeller {
  private readonly context: ApiOptions;
  private readonly prices: RunningPrices;
  private readonly sender: Pick<CommandSender, "request">;
  /** By session. */
  private readonly known = new Map<string, Known>();
  private readonly rounds: Rounds;

  constructor(context: ApiOptions, prices: RunningPrices, sender: Pick<CommandSender, "request">) {
    this.context = context;
    this.prices = prices;
    this.sender = sender;
    this.rounds = new Rounds(context.clock, pollMs, () => this.work());
  }

  start(): void {
    this.rounds.start();
  }

  stop(): Promise<void> {
    return this.rounds.stop();
  }

  private async work(): Promise<void> {
    const { registry, logger, clock } = this.context;
    try {
      const going: Going[] = [];
      for (const party of [...registry.parties()].map(trusted.party)) {
        const everyMs = 1_000 * Number(registry.setting(party, "runningCostSeconds"));
        if (everyMs > 0) going.push(...(await this.goingOf(party)).map((row) => ({ ...row, party, everyMs })));
      }
      const ids = new Set(going.map(({ id }) => id));
      for (const id of this.known.keys()) if (!ids.has(id)) this.known.delete(id);
      const now = clock.monotonic();
      const due = going.filter((session) => this.isDue(session, now));
      await Promise.all(due.slice(0, toldAPoll).map((session) => this.tell(session)));
    } catch (error) {
      logger.warn({ err: error }, "running costs are not told; they are looked at again");
    }
  }

  /** At stations that are there and know the message: 1.6 has none. */
  private goingOf(party: PartyId): Promise<Omit<Going, "party" | "everyMs">[]> {
    return this.context.store.reader
      .selectFrom("live_session as s")
      .innerJoin("live_station as t", (join) =>
        join.onRef("t.party", "=", "s.party").onRef("t.station", "=", "s.station"),
      )
      .select(["s.id", "s.station", "s.transaction_id", "s.last_updated", "t.protocol"])
      .where("s.party", "=", party)
      .where("s.status", "=", "active")
      .where("t.online", "=", 1)
      .where("t.protocol", "in", ["ocpp2.0.1", "ocpp2.1"])
      .orderBy("s.last_updated")
      .execute();
  }

  private async tell(session: Going): Promise<void> {
    const { clock, logger } = this.context;
    const { party, id, station, last_updated: lastUpdated } = session;
    const { cost: before = null, isDeaf = false } = this.known.get(id) ?? {};
    const conclude = (cost: string | null, deaf: boolean) =>
      this.known.set(id, { lastUpdated, cost, isDeaf: deaf, at: clock.monotonic() });
    try {
      const soFar = await this.prices.soFar(party, { id, station, until: lastUpdated });
      const cost = soFar?.total?.inclVat ?? null;
      if (this.rounds.isStopped) return;
      if (cost !== null) await this.tellGateway(session, cost);
      if (soFar === undefined || cost === null || cost === before || isDeaf) return void conclude(before, isDeaf);
      const outcome = await this.send(session, soFar, cost);
      // Where it was not taken, the next one may be.
      conclude(outcome === "accepted" ? cost : null, outcome === "error");
    } catch (error) {
      conclude(before, isDeaf);
      logger.warn({ party, station, session: id, why: messageOf(error) }, "a running cost is not told");
    }
  }

  /** The same cost too: the station may have come by another connection since. */
  private async tellGateway({ party, station, transaction_id: transactionId }: Going, cost: string): Promise<void> {
    const { bus } = this.context;
    const owner = await bus.owner(party, trusted.station(station));
    if (!owner) return;
    const { nodeId, connectionId } = owner;
    await bus.send(nodeId, { type: "runningCost", connectionId, transactionId, totalCost: Number(cost) });
  }

  private async send(session: Going, soFar: PriceSoFar, cost: string): Promise<string | null> {
    const principal: Principal = { actor: "running-cost", role: "operator", party: session.party, via: "rule" };
    // With taxes, in the currency of the tariff (2.0.1, CostUpdatedRequest.totalCost).
    const payload = { totalCost: Number(cost), transactionId: session.transaction_id, ...markOf(soFar) };
    const idempotencyKey = `running-cost ${session.id} ${soFar.at} ${cost}`;
    const input = { action: "CostUpdated", payload, idempotencyKey };
    const { outcome } = await this.sender.request(principal, trusted.station(session.station), input, waitSeconds);
    return outcome;
  }

  private isDue({ id, party, protocol, last_updated: lastUpdated, everyMs }: Going, now: number): boolean {
    const known = this.known.get(id);
    if (!known) return true;
    if (known.isDeaf && !this.isAnswered(party, protocol)) return false;
    return known.lastUpdated !== lastUpdated && known.at + everyMs <= now;
  }

  /** Whether its messages are answered with the cost. */
  private isAnswered(party: PartyId, protocol: string | null): boolean {
    return protocol === "ocpp2.1" || this.context.registry.setting(party, "runningCostAtEnd") === true;
  }
}
