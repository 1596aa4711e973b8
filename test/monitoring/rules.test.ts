// Rules and dashboards as files: fresh, right by Prometheus' own judgement, and each alert shown firing and silent.
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";

import { alerts } from "../../deploy/monitoring/alerts.ts";
import { dashboards } from "../../deploy/monitoring/dashboards.ts";
import { dashboardFolder, generated, root, rulesFile } from "../../deploy/monitoring/generate.ts";
import { metricRows } from "../../deploy/monitoring/metrics-table.ts";
import { prometheusTools } from "../../tools/prometheus.ts";
import { run, ServerMissing } from "../../tools/servers/install.ts";
import { alertCases, type Series } from "./alert-cases.ts";
import { expressions, metricsIn, withoutVariables } from "./expressions.ts";

let promtool: string;
let missing: string | undefined;
let folder: string;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "wattlog-rules-"));
  try {
    ({ promtool } = await prometheusTools());
  } catch (error) {
    if (!(error instanceof ServerMissing) || process.env["CI"] === "true") throw error;
    missing = `needs prometheus: ${error.message}`;
  }
}, 120_000);
afterAll(() => rmSync(folder, { recursive: true }));

const needsPromtool = (context: { skip: (why: string) => void }) => missing !== undefined && context.skip(missing);

async function check(...args: string[]): Promise<string> {
  const { code, output } = await run(promtool, args);
  if (code !== 0) throw new Error(`promtool ${args.join(" ")} ended with ${code}: ${output}`);
  return output;
}

test("what is generated is fresh (mend: npm run monitoring)", async () => {
  const files = await generated();
  for (const [path, text] of files) {
    expect(existsSync(join(root, path)), `${path} is missing`).toBe(true);
    expect(readFileSync(join(root, path), "utf8"), `${path} is stale`).toBe(text);
  }
  const kept = readdirSync(join(root, dashboardFolder)).toSorted();
  expect(kept).toEqual(dashboards.map(({ id }) => `${id}.json`).toSorted());
});

test("every metric that an expression names is declared, and has a help and a unit in its name or none", async () => {
  const rows = await metricRows();
  const declared = new Set(rows.map(({ name }) => name));
  const named = expressions().flatMap(({ where, expr }) => metricsIn(expr).map((metric) => ({ where, metric })));
  expect(named.length).toBeGreaterThan(100);
  expect(named.filter(({ metric }) => !declared.has(metric))).toEqual([]);
  expect(rows.filter(({ help }) => help.length < 10)).toEqual([]);
  expect(rows.filter(({ name, type }) => type === "counter" && !name.endsWith("_total"))).toEqual([]);
  const milliseconds = rows.filter(({ name }) => /_(ms|millis|milliseconds|kwh|kilobytes)(_|$)/.test(name));
  expect(milliseconds).toEqual([]);
});

test("no metric has a label that a station, a token or a message could fill", async () => {
  const labels = new Set((await metricRows()).flatMap((row) => row.labels));
  const bounded =
    // `name`: the 30 largest of a kind and `other`.
    "action against annotation cause code day kind major minor module move name outcome part partition party patch profile reason result role " +
    "stage state status thread topic use version";
  expect([...labels].filter((label) => !bounded.split(" ").includes(label))).toEqual([]);
});

test("every alert has its section in the runbooks, with four answers, and every section its alert", () => {
  const text = readFileSync(join(root, "docs/runbooks.md"), "utf8");
  const sections = new Map(
    text
      .split(/^## /m)
      .slice(1)
      .map((section) => [section.split("\n", 1)[0]!, section]),
  );
  expect([...sections.keys()].toSorted()).toEqual(alerts.map(({ name }) => name).toSorted());
  for (const { name, severity } of alerts) {
    const section = sections.get(name)!;
    for (const answer of ["**Means**", "**Look at**", "**Do**", "**Over** when"]) expect(section).toContain(answer);
    expect(section).toContain(`**Means** (${severity})`);
  }
});

test("a dashboard's panels have names of their own, a query and a place that no other has", () => {
  for (const name of readdirSync(join(root, dashboardFolder))) {
    const { uid, panels } = JSON.parse(readFileSync(join(root, dashboardFolder, name), "utf8")) as DashboardJson;
    expect(uid).toBe(`wattlog-${name.replace(".json", "")}`);
    expect(panels.length).toBeGreaterThan(4);
    const graphs = panels.filter(({ type }) => type === "timeseries").map(({ title }) => title);
    expect(new Set(graphs).size).toBe(graphs.length);
    const cells = panels.flatMap(({ gridPos: { x, y, w, h } }) => {
      expect(x + w).toBeLessThanOrEqual(24);
      return Array.from({ length: w * h }, (_, i) => `${x + (i % w)},${y + Math.floor(i / w)}`);
    });
    expect(new Set(cells).size, `${name}: panels lie over each other`).toBe(cells.length);
    for (const { targets } of panels) expect(targets.length).toBeGreaterThan(0);
  }
});

interface DashboardJson {
  readonly uid: string;
  readonly panels: readonly {
    readonly type: string;
    readonly title: string;
    readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
    readonly targets: readonly object[];
  }[];
}

test("promtool takes the rules, and every panel's expression as one", async (context) => {
  needsPromtool(context);
  await check("check", "rules", "--lint=all", "--lint-fatal", join(root, rulesFile));
  const rules = expressions().map(({ expr }, i) => ({ record: `panel:${i}`, expr: withoutVariables(expr) }));
  const file = join(folder, "panels.json");
  writeFileSync(file, JSON.stringify({ groups: [{ name: "panels", rules }] }));
  expect(await check("check", "rules", "--lint=none", file)).toContain(`${rules.length} rules found`);
});

test("each alert has a history in which it fires and one in which it does not", () => {
  expect(Object.keys(alertCases).toSorted()).toEqual(alerts.map(({ name }) => name).toSorted());
});

/** What is looked at is the set of alerts that fire: no other fires by the way, and none where none should. */
function promtoolTest(alert: string, series: Series, firing: readonly string[]): object {
  // Without a gateway that is ready there is one alert in every history.
  const ready = alert === "WattlogNoReadyGateway" ? {} : { 'wattlog_ready{role="all"}': "1x60" };
  return {
    interval: "1m",
    input_series: Object.entries({ ...series, ...ready }).map(([name, values]) => ({ series: name, values })),
    promql_expr_test: [
      {
        expr: 'count by (alertname) (ALERTS{alertstate="firing"})',
        eval_time: "30m",
        exp_samples: firing.map((name) => ({ labels: `{alertname="${name}"}`, value: 1 })),
      },
    ],
  };
}

// In one run of promtool, which names the alert that it found, or missed.
test("each alert fires where it should, and is silent where it should", async (context) => {
  needsPromtool(context);
  const tests = Object.entries(alertCases).flatMap(([name, { fires, silent }]) => [
    promtoolTest(name, fires, [name]),
    promtoolTest(name, silent, []),
  ]);
  expect(tests).toHaveLength(2 * alerts.length);
  const file = join(folder, "alerts.json");
  writeFileSync(file, JSON.stringify({ rule_files: [join(root, rulesFile)], evaluation_interval: "1m", tests }));
  expect(await check("test", "rules", file)).toContain("SUCCESS");
}, 60_000);
