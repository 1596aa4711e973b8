// Which kit shows what: the table of docs/third-party-stations.md, which a test in test/house compares with it and with the
// titles in the code. `node test/stations/kits-table.ts` writes the page.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { findings } from "./ws-cli-findings.ts";

export const kitsPage = fileURLToPath(new URL("../../docs/third-party-stations.md", import.meta.url));

/** By the letter that stands in the table. */
export const tests = {
  A: [
    "mobilityhouse.test.ts",
    "a ${protocol} station of the mobilityhouse kit charges, started and stopped through REST",
  ],
  B: [
    "mobilityhouse-actions.test.ts",
    "a strict ${protocol} station sends and answers every action that the mobilityhouse kit knows",
  ],
  C: ["ocpp-rpc.test.ts", "a strict ocpp1.6 client of ocpp-rpc charges, started and stopped through REST"],
  D: ["ocpp-rpc.test.ts", "a %s %s client of ocpp-rpc charges, started and stopped through REST"],
  E: ["ocpp-ws-cli.test.ts", "ocpp-ws-cli's conformance suites find nothing but what is its own opinion: %s %s"],
  F: ["ocpp-ws-cli.test.ts", "ocpp-ws-cli's fuzzer loses no frame and no connection, lenient and strict"],
  G: [
    "java-oca.test.ts",
    "a strict ocpp1.6 station of Java-OCA-OCPP with a password sends every action, charges and answers every command",
  ],
  H: [
    "ocpp-charge-point.test.ts",
    "a strict $protocol station of ocpp-charge-point charges, started and stopped through REST",
  ],
} as const satisfies Readonly<Record<string, readonly [file: string, title: string]>>;

/** Name in the table, and the file that pins it with the words that do. */
export const kits = [
  { name: "Python `ocpp` 2.1.0", pin: ["test/stations/kits/requirements.txt", "ocpp==2.1.0"] },
  { name: "npm `ocpp-rpc` 2.2.1", pin: ["package.json", '"ocpp-rpc": "2.2.1"'] },
  { name: "npm `ocpp-ws-cli` 1.1.12", pin: ["test/stations/kits/ws-cli/package.json", '"ocpp-ws-cli": "1.1.12"'] },
  {
    name: "Java `v1_6` 1.1.0",
    pin: ["test/stations/kits/java/pom.xml", "<artifactId>v1_6</artifactId><version>1.1.0<"],
  },
  {
    name: "Rust `ocpp-charge-point` 0.1.0",
    pin: ["test/stations/kits/rust/Cargo.toml", 'ocpp-charge-point = "=0.1.0"'],
  },
] as const;

/** Letters of tests, then what is to be said; or only why there is none. */
type Cell = readonly [letters: string, note?: string];

const only16: Cell = ["", "the artifact is for 1.6"];
const noStation: Cell = ["", "a tester, not a station"];
const ownSchemas: Cell = ["", "its schemas are what wattlog checks by: nothing new"];
const asItLikes: Cell = ["", "a firmware: it sends what it decides to"];
const hasAnswered: Cell = ["", "a firmware: asked for start and stop only"];
const wellFormed: Cell = ["", "what it sends is well-formed"];

export const rows: readonly { readonly feature: string; readonly cells: readonly Cell[] }[] = [
  {
    feature: "1.6: a session, started and stopped through REST",
    cells: [["A"], ["C"], noStation, ["G"], ["H", "stops by itself: it looks a remote stop up among ids of its own"]],
  },
  {
    feature: "2.0.1: a session, started and stopped through REST",
    cells: [["A"], ["D"], noStation, only16, ["H", "without the token: it reports none"]],
  },
  {
    feature: "2.1: a session, started and stopped through REST",
    cells: [["A"], ["D", "lenient: its strict mode has no 2.1"], noStation, only16, ["H", "as 2.0.1"]],
  },
  {
    feature: "1.6: every action of a station (14)",
    cells: [["B", "14"], ownSchemas, noStation, ["G", "14"], asItLikes],
  },
  { feature: "2.0.1: every action of a station (25)", cells: [["B", "25"], ownSchemas, noStation, only16, asItLikes] },
  {
    feature: "2.1: every action of a station (37)",
    cells: [
      ["B", "36: no SEND; of 11 payloads its classes cannot say what its schemas want"],
      ownSchemas,
      noStation,
      only16,
      asItLikes,
    ],
  },
  {
    feature: "1.6: every command (26)",
    cells: [["B", "26"], ownSchemas, noStation, ["G", "26"], hasAnswered],
  },
  { feature: "2.0.1: every command (40)", cells: [["B", "40"], ownSchemas, noStation, only16, hasAnswered] },
  {
    feature: "2.1: every command (55)",
    cells: [["B", "55, one with an error of its own"], ownSchemas, noStation, only16, hasAnswered],
  },
  {
    feature: "1.6 by SOAP",
    cells: [
      ["", "OCPP-J only"],
      ["", "OCPP-J only"],
      ["", "OCPP-J only"],
      ["", "it could, but wattlog speaks OCPP-J only"],
      ["", "OCPP-J only"],
    ],
  },
  {
    feature: "what we send is checked by the kit",
    cells: [
      ["A B", "its schemas"],
      ["C D", "its schemas, but for 2.1"],
      ["E", "the error codes"],
      ["G", "its models"],
      ["H", "its types"],
    ],
  },
  { feature: "what it sends is checked as strict", cells: [["B"], ["C D"], ["E"], ["G"], ["H"]] },
  {
    feature: "Basic authentication",
    cells: [
      ["", "a matter of `websockets`, not of the kit"],
      ["C D"],
      ["", "no option for a password"],
      ["G"],
      ["", "not asked for here"],
    ],
  },
  {
    feature: "permessage-deflate",
    cells: [
      ["A", "offered and agreed to"],
      ["", "what its `ws` agrees to does not show"],
      ["", "as ocpp-rpc"],
      ["", "offers none"],
      ["", "offers none"],
    ],
  },
  { feature: "garbage, floods, abrupt ends", cells: [wellFormed, wellFormed, ["E F"], wellFormed, wellFormed] },
  {
    feature: "on a cluster too",
    cells: [["A B"], ["C D"], ["F", "its suites are about one socket"], ["G"], ["", "one process only"]],
  },
  {
    feature: "runs in",
    cells: [
      ["A B", "`npm test`"],
      ["C D", "`npm test`"],
      ["E F", "`npm test`"],
      ["G", "`npm test`"],
      ["H", "`npm run full`"],
    ],
  },
];

const shown = ([letters, note]: Cell): string =>
  letters === "" ? `no: ${note ?? ""}` : [`**${letters}**`, ...(note === undefined ? [] : [note])].join(", ");

export function page(): string {
  const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
  return [
    "# Stations and testers that others wrote",
    "",
    "Made by `node test/stations/kits-table.ts`; a test compares it with the titles in the code and with what pins the kits. All run",
    "unmodified, installed by the tests from their registries into `.cache/kits`. A missing runtime is a skip with its reason, and fails with CI=true.",
    "",
    row(["", ...kits.map(({ name }) => name)]),
    row(["---", ...kits.map(() => "---")]),
    ...rows.map(({ feature, cells }) => row([feature, ...cells.map(shown)])),
    "",
    "| | test | in `test/stations` |",
    "|---|---|---|",
    ...Object.entries(tests).map(([letter, [file, title]]) => row([`**${letter}**`, title, `\`${file}\``])),
    "",
    "## What ocpp-ws-cli finds, and why it stays",
    "",
    "The kit ends with 0 whatever it finds, and counts silence as a pass in four of its checks: test **E** reads its report and wants",
    "answers there. Every other check passes in each version; these do not:",
    "",
    row(["check", "where", "why", "shown by"]),
    row(["---", "---", "---", "---"]),
    ...findings.map(({ check, modes, reason, test }) => row([check, modes.join(", "), reason, test])),
    "",
    'Its "rapid heartbeat flood" (100 CALLs at once) passes by being closed: more than `stationPendingFrames` of core/config/limits.ts wait',
    "for their answers (close code 1008, tooManyPending). Its `load-test` does not end and is not used.",
    "",
    "## What the kits found in wattlog",
    "",
    "- **F** on a cluster: frames that a station sent just before it closed its socket were dropped while they waited for the log, answers to",
    "  commands (a Reset) among them. They are kept now.",
    "",
  ].join("\n");
}

if (import.meta.main) {
  writeFileSync(kitsPage, page());
  console.log(kitsPage);
}
