// People and scripts that send commands: with keys of their own and without, at any api, waiting or not, and again.
import type { CommandInput } from "../../projections/rest/command-sender.ts";
import type { ApiRole } from "./roles.ts";
import type { Station } from "./station.ts";
import type { World } from "./world.ts";

const keys = 3;

export class Callers {
  private readonly world: World;

  constructor(world: World) {
    this.world = world;
  }

  begin(everyMs: number, until: number): void {
    const { scheduler } = this.world;
    const { random } = scheduler;
    const next = (): void =>
      void scheduler.io(random.between(everyMs / 4, everyMs * 1.5), undefined, "a caller", () => {
        if (scheduler.now > until) return;
        const { apis, stations } = this.world;
        const station = random.pick(stations);
        const input = this.draw();
        const wait = random.chance(0.5) ? random.whole(1, 20) : 0;
        this.ask(random.pick(apis), station, input, wait, false);
        // The same request in the same moment elsewhere: only one of them is the command (rule C1).
        if (input.idempotencyKey !== undefined && random.chance(0.7)) {
          const unlike = { ...input, action: "DataTransfer", payload: { vendorId: "simulation" } };
          this.ask(random.pick(apis), station, random.chance(0.4) ? unlike : input, wait, false);
        }
        next();
      });
    next();
  }

  /** In quiet weather. */
  probe(station: Station): void {
    const { random } = this.world.scheduler;
    const api = this.world.apis.find(({ process }) => process.isAlive)!;
    this.ask(
      api,
      station,
      { action: "ClearCache", timeoutSeconds: 10, ...this.key("probe", random.chance(0.5)) },
      8,
      true,
    );
  }

  private draw(): CommandInput {
    const { random, now } = this.world.scheduler;
    const until = new Date(now + random.between(2_000, 25_000)).toISOString();
    return {
      action: "ClearCache",
      timeoutSeconds: random.whole(1, 12),
      ...this.key(`key-${random.whole(1, keys)}`, random.chance(0.5)),
      ...(random.chance(0.25) ? { queueUntil: until } : {}),
    };
  }

  private key(idempotencyKey: string, has: boolean): { readonly idempotencyKey?: string } {
    return has
      ? { idempotencyKey: `${idempotencyKey}-${Math.floor((this.world.scheduler.now / 20_000) % 1_000)}` }
      : {};
  }

  private ask(api: ApiRole, station: Station, input: CommandInput, waitSeconds: number, isProbe: boolean): void {
    const { journal } = this.world;
    const asked = { station: station.id, answer: undefined, isProbe };
    journal.asked.push(asked);
    api.request(station.id, input, waitSeconds).then(
      (answer) => void Object.assign(asked, { answer }),
      // Refused with a sentence, or the log was away: the caller knows that it does not know.
      () => undefined,
    );
  }
}
