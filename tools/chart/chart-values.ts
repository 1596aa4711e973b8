// Writes the chart's values.yaml, values.schema.json and the table of its README from the one table in value-rows.ts.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { unset, type ValueRow } from "./value-row.ts";
import { valueRows } from "./value-rows.ts";

export const chartFolder = fileURLToPath(new URL("../../deploy/helm/wattlog/", import.meta.url));
const begin = "<!-- values: made by `node tools/chart/chart-values.ts`, checked by a test -->";
const end = "<!-- /values -->";

/** An object of the values: what lies below it by name, in the table's order. */
type Tree = Map<string, Tree | ValueRow>;

function treeOf(rows: readonly ValueRow[]): Tree {
  const tree: Tree = new Map();
  for (const row of rows) {
    const names = row.path.split(".");
    const last = names.pop()!;
    let at = tree;
    for (const name of names) {
      const below = at.get(name) ?? new Map();
      if (!(below instanceof Map)) throw new Error(`${row.path} lies below a value`);
      at.set(name, below);
      at = below;
    }
    if (at.has(last)) throw new Error(`${row.path} stands twice in the table`);
    at.set(last, row);
  }
  return tree;
}

function schemaOf(tree: Tree): Record<string, unknown> {
  const properties: Record<string, unknown> = {};
  for (const [name, below] of tree) {
    properties[name] = below instanceof Map ? schemaOf(below) : { ...below.schema, description: below.sentence };
  }
  return { type: "object", additionalProperties: false, properties };
}

/** Of those that have no default and must be given. */
function requiredOf(rows: readonly ValueRow[]): readonly string[] {
  return [...new Set(rows.filter(({ sentence }) => sentence.startsWith("**Required.**")).map(topOf))];
}

function topOf({ path }: ValueRow): string {
  return path.split(".")[0]!;
}

export function valuesSchema(): string {
  const schema = schemaOf(treeOf(valueRows));
  const properties = schema["properties"] as Record<string, Record<string, unknown>>;
  // Helm passes it to every chart.
  properties["global"] = { type: "object" };
  for (const top of requiredOf(valueRows)) {
    const below = valueRows.filter((row) => topOf(row) === top && row.path !== top);
    if (below.length === 0) continue;
    properties[top]!["required"] = below
      .filter(({ sentence }) => sentence.startsWith("**Required.**"))
      .map(({ path }) => path.slice(top.length + 1));
  }
  const whole = {
    $schema: "http://json-schema.org/draft-07/schema#",
    title: "Values of the chart wattlog",
    ...schema,
    required: requiredOf(valueRows),
  };
  return `${JSON.stringify(whole, null, 2)}\n`;
}

export function valuesYaml(): string {
  const lines = [
    "# Made by `node tools/chart/chart-values.ts`. Every value with its sentence; what stands behind a # has no default.",
  ];
  const write = (tree: Tree, indent: string): void => {
    for (const [name, below] of tree) {
      if (!(below instanceof Map)) {
        lines.push(`${indent}# ${below.sentence}`);
        const value = below.fallback === unset ? "" : ` ${JSON.stringify(below.fallback)}`;
        lines.push(`${indent}${below.fallback === unset ? "# " : ""}${name}:${value}`);
        continue;
      }
      if (indent === "") lines.push("");
      const isEmpty = [...below.values()].every((one) => !(one instanceof Map) && one.fallback === unset);
      lines.push(`${indent}${name}:${isEmpty ? " {}" : ""}`);
      write(below, `${indent}  `);
    }
  };
  write(treeOf(valueRows), "");
  return `${lines.join("\n")}\n`;
}

export function valuesTable(): string {
  const lines = valueRows.map(({ path, fallback, sentence }) => {
    const value = fallback === unset ? "" : `\`${JSON.stringify(fallback)}\``;
    return `| \`${path}\` | ${value.replaceAll("|", "\\|")} | ${sentence.replaceAll("|", "\\|")} |`;
  });
  return ["| value | default | what it does |", "|---|---|---|", ...lines].join("\n");
}

/** @throws Error when the README has lost its markers. */
export function withValuesTable(readme: string): string {
  const from = readme.indexOf(begin);
  const to = readme.indexOf(end);
  if (from < 0 || to < from) throw new Error("the chart's README.md has lost the markers of its table of values");
  return `${readme.slice(0, from + begin.length)}\n${valuesTable()}\n${readme.slice(to)}`;
}

/** What each file must hold, by its name in the chart's folder. */
export function generatedFiles(): Readonly<Record<string, string>> {
  return {
    "values.yaml": valuesYaml(),
    "values.schema.json": valuesSchema(),
    "README.md": withValuesTable(readFileSync(`${chartFolder}README.md`, "utf8")),
  };
}

export function writeChartValues(): void {
  for (const [name, content] of Object.entries(generatedFiles())) writeFileSync(chartFolder + name, content);
}

if (import.meta.main) writeChartValues();
