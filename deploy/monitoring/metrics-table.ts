// docs/metrics.md: every metric that the code declares, from the registry itself.
import { createMetrics, watchRuntime } from "../../core/runtime/metrics.ts";

const head = `# Metrics

Made by \`npm run monitoring\` from \`core/runtime/metrics.ts\`; a test says when it is stale. Every process serves them on its admin port at
\`/metrics\` (\`WATTLOG_ADMIN_PORT\`), whatever its role; threads of one process are added up. No label holds a station, a token or a message id.
\`nodejs_…\` and \`process_…\` are those of prom-client, by thread.

| metric | type | labels | says |
|---|---|---|---|`;

export interface MetricRow {
  readonly name: string;
  readonly type: string;
  readonly labels: readonly string[];
  readonly help: string;
}

export async function metricRows(): Promise<readonly MetricRow[]> {
  const metrics = createMetrics();
  watchRuntime(metrics, "any", "with process");
  const declared = metrics.registry.getMetricsAsArray() as unknown as readonly {
    readonly name: string;
    readonly labelNames?: readonly string[];
    get(): Promise<{ readonly type: string; readonly help: string }> | { readonly type: string; readonly help: string };
  }[];
  const rows = declared.map(async (metric) => {
    const { type, help } = await metric.get();
    return { name: metric.name, type, labels: metric.labelNames ?? [], help };
  });
  return (await Promise.all(rows)).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

export async function metricsTable(): Promise<string> {
  const rows = (await metricRows()).map(
    ({ name, type, labels, help }) =>
      `| \`${name}\` | ${type} | ${labels.map((label) => `\`${label}\``).join(", ")} | ${help} |`,
  );
  return `${[head, ...rows].join("\n")}\n`;
}
