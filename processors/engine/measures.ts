// What a batch that is in the store counts for in the metrics. A rebuild counts nothing.
import type { Metrics } from "../../core/runtime/metrics.ts";
import type { Batch } from "./batch.ts";

const mwhPerWh = 1_000;

export function measure<State>(metrics: Metrics, batch: Pick<Batch<State>, "bodies" | "effects" | "quarantine">): void {
  for (const body of batch.bodies) {
    if ("annotations" in body)
      for (const annotation of body.annotations) metrics.sessionAnnotations.inc({ annotation });
    switch (body.kind) {
      case "sessionStarted":
        metrics.sessionsStarted.inc();
        break;
      case "sessionEnded":
        metrics.sessionsEnded.inc();
        metrics.sessionEnergy.inc(body.energyMwh / mwhPerWh);
        break;
      case "cdrIssued":
        // A correction takes one back and puts one in its place: the session has been counted.
        if (body.cdr.credits !== null || body.cdr.replaces !== undefined) break;
        metrics.cdrsIssued.inc();
        metrics.cdrEnergy.inc(body.cdr.energyMwh / mwhPerWh);
        if (body.cdr.total === null)
          metrics.cdrsUnpriced.inc({ reason: body.cdr.tariffId === null ? "noTariff" : "tariffInvalid" });
        break;
      default:
        break;
    }
  }
  for (const effect of batch.effects) {
    if (effect.kind === "tolerated") metrics.sessionAnnotations.inc({ annotation: effect.word });
    if (effect.kind !== "measured") continue;
    metrics.commands.inc({ action: effect.action, outcome: effect.outcome });
    metrics.commandSeconds.observe(effect.ms / 1000);
  }
  // What a gateway could not read, it has counted itself when it came in.
  const own = [...batch.quarantine.values()].filter((row) => row.state === "held" && row.stage !== "gateway");
  for (const row of own) metrics.quarantine.inc({ stage: row.stage });
}
