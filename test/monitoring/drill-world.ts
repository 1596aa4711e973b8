// Where the drill's faults happen: a cluster, and the Prometheus that watches it.
import { loadavg } from "node:os";

import { alerts, rulesYaml } from "../../deploy/monitoring/alerts.ts";
import { FaultWorld } from "../faults/fault-world.ts";
import { runRow, type Injection } from "../faults/row.ts";
import type { QuarantineView } from "../harness/rest.ts";
import { lastAnswer, sleep } from "../harness/wait.ts";
import type { Drilled, DrilledAlert } from "./drill-page.ts";
import type { DrillRow } from "./drill-rows.ts";
import { Prometheus, type Firing } from "./prometheus.ts";
import { factor, quickened } from "./quickened.ts";

/** The longest window and `for` of a rule, both quickened, and what a fold takes to catch up. */
const quietWithinMs = 150_000;
/** What fired so shortly before the end of the looking has not gone quiet. */
const stillMs = 3_000;
/** Nobody looks at a ticket within ten minutes. */
const heldMs = 600_000 / factor;
const seed = 20_261_124;

/** What tells of stations that are gone would tell of those of every earlier row: each brings its own. */
const notLookedAt = ["WattlogGroupOffline", "WattlogGroupFaulted"];

const quickRules = (): string => rulesYaml(alerts.filter(({ name }) => !notLookedAt.includes(name)).map(quickened));

/** Epoch ms. */
interface Times {
  began: number;
  /** When the last fault ended. */
  healed: number;
  /** Until when alerts were looked at, and whether there was none any more. */
  until: number;
  isQuiet: boolean;
}

export class DrillWorld implements AsyncDisposable {
  private readonly world: FaultWorld;
  private readonly prometheus: Prometheus;

  /** @throws ServerMissing */
  static async start(): Promise<DrillWorld> {
    const world = await FaultWorld.start();
    try {
      const urls = world.cluster.processes.map(({ adminUrl }) => adminUrl);
      return new DrillWorld(world, await Prometheus.start(urls, quickRules()));
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
  }

  private constructor(world: FaultWorld, prometheus: Prometheus) {
    this.world = world;
    this.prometheus = prometheus;
  }

  async run({ row, size }: DrillRow): Promise<Drilled> {
    const times: Times = { began: 0, healed: 0, until: 0, isQuiet: false };
    let firing: readonly Firing[] = [];
    // All of it while the fleet of the row is there: its end is no fault.
    const inject = async (injection: Injection): Promise<void> => {
      await this.noAlerts();
      times.began = Date.now();
      const heals = (): void => {
        times.healed = Date.now();
        injection.heals();
      };
      await row.inject({ ...injection, heals });
      await this.release();
      times.isQuiet = await this.noAlerts();
      times.until = Date.now();
      firing = await this.prometheus.firing(times.began, times.until);
    };
    const { problems, injections } = await runRow(this.world, { ...row, inject }, seed, size);
    return drilledOf(row.name, times, firing, { injections, failures: problems });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.prometheus[Symbol.asyncDispose]();
    await this.world[Symbol.asyncDispose]();
  }

  /** @returns whether none was pending or firing before that had lasted too long. */
  private async noAlerts(): Promise<boolean> {
    const count = () => this.prometheus.series("ALERTS");
    return (await lastAnswer(count, (found) => found === 0, { timeoutMs: quietWithinMs, everyMs: 1_000 })) === 0;
  }

  /** As the runbook says of what never will be read. */
  private async release(): Promise<void> {
    const { rest } = this.world;
    const rows = await rest.all<QuarantineView>("/quarantine");
    if (!rows.some(({ state }) => state === "held")) return;
    await sleep(heldMs);
    await rest.post("/quarantine/release", { all: true });
  }
}

function drilledOf(
  row: string,
  { began, healed, until, isQuiet }: Times,
  firing: readonly Firing[],
  more: Pick<Drilled, "injections" | "failures">,
): Drilled {
  const seen = firing.map(({ alert, severity, first, last }): DrilledAlert => {
    const after = Math.max(0, Math.round((first - began) / 1_000));
    const quiet = !isQuiet && last > until - stillMs ? null : Math.max(0, Math.round((last - healed) / 1_000));
    return { alert, severity, after, quiet };
  });
  return {
    row,
    date: new Date(began).toISOString().slice(0, 10),
    seconds: Math.round((healed - began) / 1_000),
    load: Math.round(loadavg()[0]!),
    alerts: seen.toSorted((a, b) => a.after - b.after || a.alert.localeCompare(b.alert)),
    ...more,
  };
}
