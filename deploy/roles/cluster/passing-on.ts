// The folds of an ended generation go on with the next one also where the command that opened it was killed (rule B4): each
// processor looks now and then whether theirs has ended, and hands over what stands at its end. Whoever comes first does it.
import { limits } from "../../../core/config/limits.ts";
import { findGenerations } from "../../../core/log/kafka-generations.ts";
import type { EventLog } from "../../../core/log/log.ts";
import { Rounds } from "../../../core/runtime/rounds.ts";
import type { Store } from "../../../core/store/store.ts";
import { kafkaConnection, withAdmin } from "./connect.ts";
import { handOver } from "./hand-over.ts";
import type { RoleContext } from "./run-role.ts";

export function passOn({ settings, clock, logger, undo }: RoleContext, log: EventLog, store: Store): void {
  const connection = kafkaConnection(settings, "wattlog-processor");
  const from = log.topics;
  const look = () =>
    withAdmin(connection, 0, async (admin) => {
      const found = await findGenerations(admin, settings.partitions);
      const [own, next] = found.slice(from.frames.generation - 1);
      if (own?.state !== "shut" || next?.state !== "open") return;
      const [behind] = await handOver({ admin, log, store, from, to: next.topics });
      if (behind !== undefined)
        logger.info({ behind }, "this generation of the log has ended and is folded to its end");
    });
  const rounds = new Rounds(clock, limits.logLookMs, () =>
    look().catch((error: unknown) =>
      logger.warn({ err: error }, "the next generation of the log cannot be gone on with"),
    ),
  );
  rounds.start();
  undo.add("passing on", () => rounds.stop());
}
