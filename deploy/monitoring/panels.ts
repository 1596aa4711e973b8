// What a dashboard is made of, in Grafana's JSON (schema version 39). No panel names an instance, a folder or a data source of
// anybody's: all of them take the one that the reader chose.

export interface Query {
  readonly expr: string;
  /** Of the legend: `{{label}}` is filled in. */
  readonly legend: string;
}

export interface Panel {
  readonly title: string;
  readonly kind: "timeseries" | "stat";
  /** Grafana's id of a unit. */
  readonly unit: string;
  readonly description: string;
  readonly queries: readonly Query[];
}

export interface Dashboard {
  /** File name and uid. */
  readonly id: string;
  readonly title: string;
  readonly description: string;
  /** Labels of which the reader may choose values: `$party` in expressions. */
  readonly variables: readonly { readonly name: string; readonly query: string }[];
  readonly panels: readonly Panel[];
}

type Pair = readonly [expr: string, legend: string];

const panel =
  (kind: Panel["kind"]) =>
  (title: string, unit: string, description: string, ...queries: readonly Pair[]): Panel => ({
    title,
    kind,
    unit,
    description,
    queries: queries.map(([expr, legend]) => ({ expr, legend })),
  });

export const graph = panel("timeseries");
export const number = panel("stat");

/** Median and tails of a histogram, whatever the number of processes. */
export function quantiles(metric: string): Pair[] {
  return ["0.5", "0.95", "0.99"].map((q) => [
    `histogram_quantile(${q}, sum by (le) (rate(${metric}_bucket[$__rate_interval])))`,
    `p${Number(q) * 100}`,
  ]);
}

const columns = 24;
const size = { timeseries: { w: 12, h: 8 }, stat: { w: 6, h: 4 } } as const;
const datasource = { type: "prometheus", uid: "${datasource}" } as const;

export function dashboardJson(dashboard: Dashboard): string {
  const { id, title, description, variables, panels } = dashboard;
  const json = {
    uid: `wattlog-${id}`,
    title: `wattlog / ${title}`,
    description,
    tags: ["wattlog"],
    schemaVersion: 39,
    version: 1,
    editable: true,
    graphTooltip: 1,
    refresh: "30s",
    time: { from: "now-3h", to: "now" },
    timezone: "browser",
    annotations: { list: [] },
    links: [{ type: "dashboards", title: "wattlog", tags: ["wattlog"], asDropdown: true, keepTime: true }],
    templating: {
      list: [
        { name: "datasource", label: "Prometheus", type: "datasource", query: "prometheus", current: {}, hide: 0 },
        ...variables.map(({ name, query }) => ({
          name,
          label: name,
          type: "query",
          datasource,
          query: { query, refId: name },
          refresh: 2,
          includeAll: true,
          multi: true,
          allValue: ".*",
          current: { text: "All", value: "$__all" },
          sort: 1,
          hide: 0,
        })),
      ],
    },
    panels: placed(panels).map(({ panel: each, gridPos }, index) => panelJson(each, gridPos, index + 1)),
  };
  return `${JSON.stringify(json, null, 2)}\n`;
}

interface Place {
  readonly x: number;
  readonly y: number;
  readonly w: number;
  readonly h: number;
}

/** From left to right; a row is as high as its first panel. */
function placed(panels: readonly Panel[]): readonly { readonly panel: Panel; readonly gridPos: Place }[] {
  let [x, y, rowHeight] = [0, 0, 0];
  return panels.map((each) => {
    const { w, h } = size[each.kind];
    if (x + w > columns || (x > 0 && h !== rowHeight)) [x, y] = [0, y + rowHeight];
    rowHeight = h;
    const gridPos = { x, y, w, h };
    x += w;
    return { panel: each, gridPos };
  });
}

function panelJson({ title, kind, unit, description, queries }: Panel, gridPos: Place, id: number) {
  const isGraph = kind === "timeseries";
  return {
    id,
    type: kind,
    title,
    description,
    datasource,
    gridPos,
    fieldConfig: {
      defaults: { unit, min: 0, ...(isGraph && { custom: { fillOpacity: 10, showPoints: "never", lineWidth: 1 } }) },
      overrides: [],
    },
    options: isGraph
      ? {
          legend: { displayMode: "list", placement: "bottom", showLegend: true },
          tooltip: { mode: "multi", sort: "desc" },
        }
      : { reduceOptions: { calcs: ["lastNotNull"], fields: "", values: false }, colorMode: "value", graphMode: "area" },
    targets: queries.map(({ expr, legend }, index) => ({
      refId: String.fromCharCode("A".charCodeAt(0) + index),
      datasource,
      expr,
      legendFormat: legend,
      range: true,
    })),
  };
}
