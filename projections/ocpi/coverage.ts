// Writes docs/ocpi-coverage.md from the table of endpoints.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { ocpiRoutes, type OcpiRoute } from "./routes.ts";

export const coveragePage = fileURLToPath(new URL("../../docs/ocpi-coverage.md", import.meta.url));

/** What OCPI has for a CPO and wattlog has not, each with what follows for a partner. */
const open = [
  ["sessions PENDING and RESERVATION", "a session begins ACTIVE"],
  ["OCPI 2.3.0 bookings, payments and invoicereconciliation", "not among the endpoints that are told"],
] as const;

/** What is asked of a partner's sender interfaces, and told there: call, when, the test's file and title. */
export const asked = [
  [
    "`GET tokens?date_from=&offset=&limit=`",
    "it has registered, an operator asks for a resync, a process takes over, and each hour what changed",
    "token-pulls.test.ts",
    "is read page by page once it has registered, and its tokens are the registry's as if they were pushed",
  ],
  [
    "`POST tokens/:uid/authorize?type=`",
    "a station asks about a token of whitelist type NEVER or ALLOWED_OFFLINE, or starts with it",
    "realtime/authoriser.test.ts",
    "the question says whose token it is and where the car is; the word and the reference come back",
  ],
  [
    "`GET hubclientinfo?date_from=&offset=&limit=`",
    "of a hub: as for tokens",
    "hub-clients.test.ts",
    "the hub's own list is pulled once it has registered, and what it does not name any more is gone",
  ],
  [
    "`POST` to `response_url`",
    "a command or a request of charging profiles has ended",
    "pushes/results.test.ts",
    "is told by a process that never saw the command, once",
  ],
  [
    "`PUT chargingprofiles/:session`",
    "an operator, the station or the vehicle changed the active profile of a session that the partner has set one of",
    "active-profiles.test.ts",
    "a limit that the station tells of: the partner hears the new active profile of its session, and of no other",
  ],
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
    "What partners are asked:",
    "",
    row(["call", "when", "test"]),
    row(Array.from({ length: 3 }, () => "---")),
    ...asked.map(([call, when, _file, title]) => row([call, when, title])),
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
