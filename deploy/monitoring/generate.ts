// `npm run monitoring`: writes what follows from this folder.
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";

import { rulesYaml } from "./alerts.ts";
import { dashboards } from "./dashboards.ts";
import { metricsTable } from "./metrics-table.ts";
import { dashboardJson } from "./panels.ts";

export const root = join(import.meta.dirname, "../..");
export const rulesFile = "deploy/helm/wattlog/files/rules.yaml";
export const dashboardFolder = "deploy/helm/wattlog/files/dashboards";

/** By path in the repository. */
export async function generated(): Promise<ReadonlyMap<string, string>> {
  return new Map([
    [rulesFile, rulesYaml()],
    ["docs/metrics.md", await metricsTable()],
    ...dashboards.map((each) => [`${dashboardFolder}/${each.id}.json`, dashboardJson(each)] as const),
  ]);
}

if (import.meta.main) {
  mkdirSync(join(root, dashboardFolder), { recursive: true });
  const files = await generated();
  for (const name of readdirSync(join(root, dashboardFolder))) {
    const path = `${dashboardFolder}/${name}`;
    if (!files.has(path)) rmSync(join(root, path));
  }
  for (const [path, text] of files) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
}
