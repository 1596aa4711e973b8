// docs/fault-drill.md against the fault matrix, the alerts, and what was kept of the drill itself, which is not run here.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

import { alerts } from "../../deploy/monitoring/alerts.ts";
import { drillPage, inOrder, pageFile, problemsOf, readDrill } from "../monitoring/drill-page.ts";
import { drillRows, notInjected, quietRow } from "../monitoring/drill-rows.ts";
import { factor, quickened } from "../monitoring/quickened.ts";
import { REQUIRED_ROWS } from "./fault-matrix.ts";
import { ROOT } from "./sources.ts";

test("every row of the fault matrix stands on the drill's page, as it came out, with a reason; a run without faults beside them", () => {
  const kept = readDrill();
  const page = readFileSync(join(ROOT, pageFile), "utf8");
  expect(page, "mend: npm run drill -- --write").toBe(drillPage(inOrder(kept)));
  const missing = REQUIRED_ROWS.filter((name) => !page.includes(`\n| ${name} | `) || !page.includes(`- **${name}**: `));
  expect(missing).toEqual([]);
  const names = [quietRow, ...REQUIRED_ROWS.filter((name) => notInjected[name] === undefined)];
  expect(kept.map(({ row }) => row).toSorted()).toEqual(names.toSorted());
  expect(drillRows.map(({ row }) => row.name).toSorted()).toEqual(names.toSorted());
});

test("what was kept is as wanted: each alert that must fire did, none was left, and none fired without a fault", () => {
  expect(readDrill().flatMap((drilled) => problemsOf(drilled).map((problem) => `${drilled.row}: ${problem}`))).toEqual(
    [],
  );
  expect(readDrill().find(({ row }) => row === quietRow)?.alerts).toEqual([]);
  const known = alerts.map(({ name }) => name);
  const named = drillRows.flatMap(({ must, may }) => [...must, ...may]);
  expect(named.filter((name) => !known.includes(name))).toEqual([]);
  expect(drillRows.filter(({ why }) => why === "").map(({ row }) => row.name)).toEqual([]);
  const silent = { ...readDrill()[0]!, row: "reconnect storm (all stations at once)", alerts: [], failures: [] };
  expect(problemsOf(silent)).toEqual(["WattlogStationsOnlineDropped did not fire"]);
});

test("the drill's rules are the chart's, each time of them a fifteenth", () => {
  const of = (name: string) => quickened(alerts.find((alert) => alert.name === name)!);
  expect(factor).toBe(15);
  expect(of("WattlogLogAnomaly").expr).toContain("[40000ms])) > 0");
  expect(of("WattlogStationsOnlineDropped").expr).toContain("offset 20000ms) >= 10");
  expect(of("WattlogFoldLag")).toMatchObject({ for: "4000ms", expr: expect.stringMatching(/> 8$/) as string });
  expect(of("WattlogEventLoopSlow").expr).toMatch(/> 0\.1$/);
  for (const alert of alerts) expect(quickened(alert).expr).not.toMatch(/\[\d+[mhd]\]|offset \d+[mhd]\b/);
});
