// Every expression that anybody puts to Prometheus, and the metrics in it.
import { alerts } from "../../deploy/monitoring/alerts.ts";
import { dashboards } from "../../deploy/monitoring/dashboards.ts";

export interface Expression {
  /** `alert NAME`, or dashboard and panel. */
  readonly where: string;
  readonly expr: string;
}

export function expressions(): readonly Expression[] {
  const ofPanels = dashboards.flatMap(({ title, panels }) =>
    panels.flatMap((panel) => panel.queries.map(({ expr }) => ({ where: `${title}: ${panel.title}`, expr }))),
  );
  return [...alerts.map(({ name, expr }) => ({ where: `alert ${name}`, expr })), ...ofPanels];
}

/** As Grafana would, for a reader who chose nothing. @param interval what a rate looks back at */
export function withoutVariables(expr: string, interval = "1m"): string {
  return expr.replaceAll("$__rate_interval", interval).replaceAll("$party", ".*");
}

/** Names as declared: a histogram's without its suffix. */
export function metricsIn(expr: string): readonly string[] {
  const names = expr.match(/\b(?:ocpp|ocpi|wattlog|auth|nodejs|process)_[a-z0-9_]+/g) ?? [];
  return names.map((name) => name.replace(/_(bucket|sum|count)$/, ""));
}
