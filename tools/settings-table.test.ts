import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import { settingRows } from "../core/config/setting-rows.ts";
import { readmeFile, withSettingsTable } from "./settings-table.ts";

test("the README's settings table is that of the settings (mend: node tools/settings-table.ts)", () => {
  const readme = readFileSync(readmeFile, "utf8");
  expect(withSettingsTable(readme)).toBe(readme);
  for (const row of Object.values(settingRows)) expect(readme).toContain(`\`${row.env}\``);
});
