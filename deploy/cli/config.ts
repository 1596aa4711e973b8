// `wattlog config`: the table of settings as it is in force here.
import { settingRows } from "../../core/config/setting-rows.ts";
import type { SettingName } from "../../core/config/settings.ts";
import { exitCodes, flag, type Run } from "./command.ts";
import { printJson, printTable } from "./output.ts";

export const runConfig: Run = async (invocation) => {
  const rows = (Object.entries(settingRows) as [SettingName, (typeof settingRows)[SettingName]][]).map(
    ([name, row]) => ({
      setting: row.env,
      value: "secret" in row ? masked(String(invocation.settings[name])) : String(invocation.settings[name]),
      default: row.fallback,
      unit: row.unit,
      sentence: row.sentence,
    }),
  );
  if (flag(invocation, "json")) printJson(rows);
  else {
    printTable(rows, {
      setting: (row) => row.setting,
      value: (row) => row.value || "(unset)",
      default: (row) => row.default || "(unset)",
      unit: (row) => row.unit,
      sentence: (row) => row.sentence,
    });
  }
  return exitCodes.done;
};

/** That a secret is set may be seen, nothing of it. */
function masked(value: string): string {
  return value === "" ? "" : "***";
}
