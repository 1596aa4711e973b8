// Closes blocks of numbered CDRs (cdr-chain.ts) for parties that asked for it. Every api does it; one of them wins each block.
import { trusted, type PartyId } from "../../core/ids/ids.ts";
import { messageOf } from "../../core/runtime/errors.ts";
import { Rounds } from "../../core/runtime/rounds.ts";
import type { Watermark } from "../ocpi/watermark.ts";
import { nextBlock } from "./cdr-chain.ts";
import type { ApiOptions } from "./context.ts";
import type { Principal } from "./principal.ts";
import { Problem } from "./problems.ts";
import { writeEntity } from "./registry-writer.ts";

/** Each block is a change that every process keeps in memory. */
const everyMs = 5 * 60_000;
/** A clock that differs by more is told and not believed (steered-clock.ts): nothing is booked before a block any more. */
const marginMs = 60_000;

type Needs = Pick<ApiOptions, "registry" | "store" | "log" | "clock" | "logger">;

export class CdrNumbering {
  private readonly context: Needs;
  private readonly watermark: Pick<Watermark, "passed">;
  private readonly rounds: Rounds;

  constructor(context: Needs, watermark: Pick<Watermark, "passed">) {
    this.context = context;
    this.watermark = watermark;
    this.rounds = new Rounds(context.clock, everyMs, () => this.work());
  }

  start(): void {
    this.rounds.start();
  }

  stop(): Promise<void> {
    return this.rounds.stop();
  }

  private async work(): Promise<void> {
    const { registry, logger } = this.context;
    for (const party of registry.parties()) {
      if (this.rounds.isStopped) return;
      try {
        await this.close(trusted.party(party));
      } catch (error) {
        // Another api closed it, or the log is away: the next round looks again.
        const isLost = error instanceof Problem && error.kind === "version-conflict";
        if (!isLost) logger.warn({ party, error: messageOf(error) }, "CDRs are not numbered now; it is tried again");
      }
    }
  }

  /** @throws Problem see writeEntity */
  async close(party: PartyId): Promise<void> {
    const { registry, store } = this.context;
    if (registry.setting(party, "cdrNumbering") !== true) return;
    const last = registry.find(party, "cdrChain", party);
    const until = (await this.watermark.passed()) - marginMs;
    const block = await nextBlock(store.reader, party, last?.doc, until);
    if (!block) return;
    const principal: Principal = { party, actor: "rule:cdrNumbering", role: "admin", via: "rule" };
    await writeEntity(this.context, principal, "cdrChain", party, block, last?.version ?? 0);
  }
}
