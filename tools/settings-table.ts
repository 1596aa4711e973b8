// Writes the settings table of the README, and the values of the Helm chart, from the one table in core/config/settings.ts.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { settingRows } from "../core/config/setting-rows.ts";
import { writeChartValues } from "./chart/chart-values.ts";

const begin = "<!-- settings: made by `node tools/settings-table.ts`, checked by a test -->";
const end = "<!-- /settings -->";
export const readmeFile = fileURLToPath(new URL("../README.md", import.meta.url));

export function settingsTable(): string {
  const rows = Object.values(settingRows).map(
    (row) =>
      `| \`${row.env}\` | ${row.fallback === "" ? "unset" : `\`${row.fallback}\``} | ${row.unit} | ${row.sentence} |`,
  );
  return ["| setting | default | unit | what it does |", "|---|---|---|---|", ...rows].join("\n");
}

/** @throws Error when the README has lost its markers. */
export function withSettingsTable(readme: string): string {
  const from = readme.indexOf(begin);
  const to = readme.indexOf(end);
  if (from < 0 || to < from) throw new Error("README.md has lost the markers of its settings table");
  return `${readme.slice(0, from + begin.length)}\n${settingsTable()}\n${readme.slice(to)}`;
}

if (import.meta.main) {
  writeFileSync(readmeFile, withSettingsTable(readFileSync(readmeFile, "utf8")));
  // The chart passes the settings on: a new one is a new value.
  writeChartValues();
}
