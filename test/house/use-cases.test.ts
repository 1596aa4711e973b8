// docs/use-cases.md against the titles of the scenarios, both ways, and against how many use cases there are.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

import { actions } from "../../core/ocpp/actions.ts";
import { listSources, ROOT } from "./sources.ts";

/** Use cases of each functional block of OCPP 2.0.1 part 2. */
const blocks = { A: 5, B: 12, C: 16, D: 2, E: 15, F: 6, G: 5, H: 4, I: 6, J: 3, K: 17, L: 4, M: 6, N: 10, O: 6, P: 2 };
/** Sections 4 and 5 of OCPP 1.6 edition 2. */
const operations16 = { 4: 10, 5: 19 };
const securityActions16 = [
  "SignCertificate",
  "CertificateSigned",
  "InstallCertificate",
  "GetInstalledCertificateIds",
  "DeleteCertificate",
  "ExtendedTriggerMessage",
  "GetLog",
  "LogStatusNotification",
  "SignedUpdateFirmware",
  "SignedFirmwareStatusNotification",
  "SecurityEventNotification",
];

const titles = listSources()
  .filter(({ path }) => path.startsWith("test/use-cases/") && path.endsWith(".test.ts"))
  .flatMap(({ text }) => [...text.matchAll(/\btest\(\s*"([^"]+)"/g)].map((match) => match[1]!));

const rows = readFileSync(join(ROOT, "docs/use-cases.md"), "utf8")
  .split("\n")
  .filter((line) => line.startsWith("| ") && !/^\| (use case|operation) /.test(line))
  .map((line) =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
const scenarioOf = (row: readonly string[]): string => row.find((cell) => cell.startsWith("`"))?.slice(1, -1) ?? "";

test("every use case of 2.0.1 has its row, and the row's scenario is named by its number and its name", () => {
  const numbers = Object.entries(blocks).flatMap(([block, count]) =>
    Array.from({ length: count }, (_, i) => `${block}${String(i + 1).padStart(2, "0")}`),
  );
  const of201 = rows.filter(([number = ""]) => /^[A-P]\d\d$/.test(number));
  expect(of201.map(([number]) => number)).toEqual(numbers);
  expect(of201.filter((row) => !scenarioOf(row).startsWith(`${row[0]} ${row[1]}: `))).toEqual([]);
});

test("every operation of 1.6 has its row: each section, and each action of the security whitepaper", () => {
  const sections = Object.entries(operations16).flatMap(([part, count]) =>
    Array.from({ length: count }, (_, i) => `1.6 §${part}.${i + 1} `),
  );
  for (const section of sections) expect(titles.filter((title) => title.startsWith(section))).toHaveLength(1);
  const ofSecurity = titles.filter((title) => title.startsWith("1.6 security ")).join(" ");
  expect(securityActions16.filter((action) => !new RegExp(`\\b${action}\\b`).test(ofSecurity))).toEqual([]);
  expect(securityActions16.filter((action) => !actions["ocpp1.6"].has(action))).toEqual([]);
});

test("no cell is empty, every scenario that is named exists, and every scenario is named once", () => {
  expect(rows.filter((row) => row.some((cell) => cell === ""))).toEqual([]);
  const named = rows.map(scenarioOf);
  expect(named.length).toBeGreaterThan(150);
  expect(named.filter((title) => !titles.includes(title))).toEqual([]);
  expect(titles.filter((title) => !named.includes(title))).toEqual([]);
  expect(new Set(named).size).toBe(named.length);
});
