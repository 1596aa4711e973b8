// Alerts for a life in which everything takes a fraction of its time: the drill's faults last for seconds, not for minutes.
import type { Alert } from "../../deploy/monitoring/alerts.ts";

/** Prometheus scrapes every second here and every 15 s by the chart's values. */
export const factor = 15;

/** Alerts whose bound says for how long something may wait; other bounds are no times of a fault. */
const boundsAreWaits = new Set([
  "WattlogProjectionLag",
  "WattlogFoldLag",
  "WattlogOcpiPushOld",
  "WattlogArchiveBehind",
  "WattlogRetentionBlocked",
]);

const secondsOf: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

/** `for`, ranges and offsets, and bounds that are times of waiting, are divided by the factor; all else stays. */
export function quickened(alert: Alert): Alert {
  const expr = alert.expr
    .replaceAll(/\[(\d+[smhd])\]/g, (_, time: string) => `[${shorter(time)}]`)
    .replaceAll(/offset (\d+[smhd])/g, (_, time: string) => `offset ${shorter(time)}`);
  return {
    ...alert,
    expr: boundsAreWaits.has(alert.name) ? expr.replace(/> (\d+)$/, (_, n: string) => `> ${Number(n) / factor}`) : expr,
    ...(alert.for === undefined ? {} : { for: shorter(alert.for) }),
  };
}

function shorter(time: string): string {
  const ms = (Number.parseInt(time) * secondsOf[time.at(-1)!]! * 1_000) / factor;
  return `${Math.round(ms)}ms`;
}
