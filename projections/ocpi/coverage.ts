// Writes docs/ocpi-coverage.md from the table of endpoints.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { ocpiRoutes, type OcpiRoute } from "./routes.ts";

export const coveragePage = fileURLToPath(new URL("../../docs/ocpi-coverage.md", import.meta.url));

/** What OCPI 2.2.1 has for a CPO and wattlog has not, each with what follows for a partner. */
const open = [
  [
    "tokens: pulling the list, real-time authorization",
    "partners push their tokens; whitelist NEVER is answered from what they pushed",
  ],
  ["chargingprofiles, hubclientinfo", "not among the endpoints that are told"],
  ["sessions PENDING and RESERVATION", "a session begins ACTIVE"],
  ["OCPI 2.1.1 and 2.3.0", "not among the versions that are told"],
] as const;

export function coverage(): string {
  const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    "# OCPI, endpoint by endpoint",
    "",
    "Made by `node projections/ocpi/coverage.ts` from the table that the routes are made of; a test compares both, and looks for each",
    "test by its title. wattlog is the CPO's side.",
    "",
    row(["module", "interface", "version", "method", "path", "handler", "test"]),
    row(Array.from({ length: 7 }, () => "---")),
    ...ocpiRoutes.map((route) => row(cellsOf(route))),
    "",
    "Not yet:",
    "",
    ...open.map(([what, follows]) => `- **${what}**: ${follows}.`),
    "",
  ].join("\n");
}

function cellsOf({ module, role, version, method, path, file, test }: OcpiRoute): readonly string[] {
  const side = module === "credentials" ? "" : (role ?? "").toLowerCase();
  return [module, side, version ?? "all", method, `\`/ocpi${path}\``, `\`${file}\``, test];
}

if (import.meta.main) {
  writeFileSync(coveragePage, coverage());
  console.log(coveragePage);
}
