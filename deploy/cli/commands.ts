// Every command, once: name, arguments, one line of help, and where its code is.
import type { ClusterRoleName } from "../roles/cluster/connect.ts";
import type { Command } from "./command.ts";

const role = (name: ClusterRoleName, help: string): Command => ({
  name,
  arguments: "",
  help,
  prepared: true,
  load: async () => (await import("./cluster.ts")).roleCommand(name),
});

const registryOptions = {
  file: { type: "string" },
  field: { type: "string", multiple: true },
  "dry-run": { type: "boolean" },
  report: { type: "string" },
} as const;

const stationOptions = { ...registryOptions, password: { type: "string" } } as const;

const cdrOptions = {
  from: { type: "string" },
  to: { type: "string" },
  format: { type: "string" },
  output: { type: "string" },
  day: { type: "string" },
  state: { type: "string" },
  why: { type: "string" },
  issued: { type: "boolean" },
  "energy-wh": { type: "string" },
  "started-at": { type: "string" },
  "ended-at": { type: "string" },
  "excl-vat": { type: "string" },
  "incl-vat": { type: "string" },
} as const;

const healthOptions = {
  from: { type: "string" },
  to: { type: "string" },
  by: { type: "string" },
  days: { type: "string" },
  station: { type: "string" },
  evse: { type: "string" },
  vendor: { type: "string" },
  model: { type: "string" },
  location: { type: "string" },
  carrier: { type: "string" },
  group: { type: "string" },
  cause: { type: "string" },
  why: { type: "string" },
  format: { type: "string" },
} as const;

const importHelp = (name: string, columns: string) => `  wattlog ${name} import FILE [--dry-run] [--report FILE]
    FILE is CSV whose first line names the columns, JSON (one document, a list, or a document a line), or - for
    standard input. Each row is created, changed, unchanged (it writes nothing: an import may be started again) or
    refused; of two rows with one id the later counts. Exit code 1 where rows were refused, the others are imported.
    --dry-run       check every row, write nothing
    --report FILE   what became of each row, as CSV: line, column, id, result, reason (what is wrong, what to do)
    columns: ${columns}`;

const registry = (name: string, what: string, details: string): Command => ({
  name,
  arguments: "add|list|show|import|remove …",
  help: what,
  details,
  options: name === "station" ? stationOptions : registryOptions,
  load: async () => (await import("./registry.ts")).registryCommand(name),
});

export const commands: readonly Command[] = [
  {
    name: "all",
    arguments: "",
    help: "Run every role in this process, on the data folder.",
    prepared: true,
    load: async () => (await import("./all.ts")).runAllCommand,
  },
  {
    name: "demo",
    arguments: "[--stations N]",
    help: "The same on ./data-demo with a fleet that charges visibly fast, or the fleet for a wattlog that runs already.",
    prepared: true,
    options: { stations: { type: "string" } },
    load: async () => (await import("./demo.ts")).runDemo,
  },
  {
    name: "config",
    arguments: "",
    help: "Every setting: value in force, default, unit, sentence.",
    load: async () => (await import("./config.ts")).runConfig,
  },
  {
    name: "simulate",
    arguments: "--stations N …",
    help: "A fleet of charging stations with a ledger of its own.",
    ownArguments: true,
    load: async () => (await import("./simulate.ts")).runSimulateCommand,
  },
  {
    name: "verify",
    arguments: "--journal DIR [--settle S] [--clocks-apart]",
    help: "The ledger check: what the fleet wrote down against what wattlog kept; exit code 0 only if clean.",
    details:
      "  --journal DIR   what `simulate --journal DIR` wrote\n  --settle S      wait so long for the folds to become quiet (30)\n  --clocks-apart the fleet's clock is not the log's: times are not compared",
    prepared: true,
    options: { journal: { type: "string" }, settle: { type: "string" }, "clocks-apart": { type: "boolean" } },
    load: async () => (await import("./verify.ts")).runVerify,
  },
  {
    name: "rebuild",
    arguments: "[--compare-only | --abandon | --restored [--csv] | --lost [--csv]]",
    help: "Every table again from offset zero beside the live ones, compared by checksum; then they take over.",
    details: `  --compare-only   change nothing; exit code 0 only if all is equal
  --abandon        give up a rebuild that was broken off; without it the next \`wattlog rebuild\` goes on with it
  --restored       the log was restored to an earlier hour, or is a copy that ended before: the tables follow from what
                   survived, and what they knew beyond it is listed by station and frame id (docs/generations.md)
  --lost           the lists of what was lost once more
  --csv            of both: a line for each frame, session, CDR, …`,
    prepared: true,
    options: {
      "compare-only": { type: "boolean" },
      abandon: { type: "boolean" },
      restored: { type: "boolean" },
      lost: { type: "boolean" },
      csv: { type: "boolean" },
    },
    load: async () => (await import("./rebuild.ts")).runRebuild,
  },
  {
    name: "log",
    arguments: "--station ID [--from T] [--follow]",
    help: "The frames of a station as a person reads them.",
    details:
      "  --from T    RFC 3339, or a time span back from now such as 15m, 2h, 3d\n  --follow    go on as frames come in; with --json a value a line, for there is no end",
    options: { station: { type: "string" }, from: { type: "string" }, follow: { type: "boolean" } },
    load: async () => (await import("./log.ts")).runLog,
  },
  registry(
    "station",
    "Charging stations in the registry.",
    `  wattlog station add ID --password … --field acceptance=accepted
${importHelp("station", "id, acceptance (accepted), password, securityProfile, serialNumber, validation, locationId, carrier, siteGroup")}`,
  ),
  registry(
    "token",
    "RFID cards and other tokens in the registry.",
    `  wattlog token add UID --field contractId=DE-ABC-1
${importHelp("token", "uid, type (RFID), contractId (the uid), valid (true), whitelist (ALLOWED), groupId, expiresAt")}`,
  ),
  registry(
    "tariff",
    "OCPI tariffs in the registry.",
    `  wattlog tariff add --file tariff.json
${importHelp("tariff", "id, currency, energy (a kWh), time, parking (an hour), flat, vat, stepSize, validFrom")}`,
  ),
  registry(
    "location",
    "OCPI locations in the registry.",
    `  wattlog location add --file location.json
${importHelp(
  "location",
  `id, name, address, city, postal_code, state, country, country_code, party_id, parking_type, time_zone,
    and for a line a connector: evseUid, connector (1), stationId, evseId, connectorId, tariffIds`,
)}`,
  ),
  registry(
    "meter-keys",
    "Public keys of stations' meters, and which stations are calibrated (docs/calibration.md).",
    `  wattlog meter-keys add --file keys.json
${importHelp(
  "meter-keys",
  `id (the station), calibrated (false), and for a line a key: publicKey, evseId, meter, validFrom, validUntil.
    An import replaces what the register has of a station: give its former keys too`,
)}`,
  ),
  {
    name: "health",
    arguments: "uptime|starts|idle|faults|exclusions|exclude|include …",
    help: "How stations were: uptime by NEVI's formula and an own one, starts, idle connectors, faults (docs/station-health.md).",
    details: `  wattlog health uptime --from T --to T [--by port|connector|station|vendor|model|locationId|carrier|siteGroup|fleet]
  wattlog health starts --from T --to T [--by fleet|station|vendor|…]
  wattlog health faults --from T --to T        by week, vendor, model and firmware
  wattlog health idle [--days 7]               online, could charge, and no session for so long
  wattlog health exclusions
  wattlog health exclude --cause C --why TEXT --from T --to T, and one of --station A,B [--evse N], --vendor, --location, --carrier, --group
  wattlog health include ID                    withdraws an exclusion
  --station, --vendor, --model, --location, --carrier, --group: of these alone; --format csv, --json`,
    options: healthOptions,
    load: async () => (await import("./health.ts")).runHealth,
  },
  {
    name: "quarantine",
    arguments: "list|show ID|redrive ID|release ID [--stage S] [--station ID] [--reason TEXT] [--all]",
    help: "What could not be folded: look at it, fold it again, or go on without it.",
    details:
      "  --stage S       decode, gateway or fold\n  --station ID    of one station\n  --reason TEXT   contained in the reason\n  --all           redrive, release: whatever is held",
    options: {
      stage: { type: "string" },
      station: { type: "string" },
      reason: { type: "string" },
      all: { type: "boolean" },
    },
    load: async () => (await import("./quarantine.ts")).runQuarantine,
  },
  {
    name: "cdr",
    arguments: "export|totals|reconcile|verify|held|release ID|correct ID|void ID|credit ID …",
    help: "Charge detail records: exports, totals, a day against its meters, reviews of held ones, corrections of issued ones.",
    details: `  wattlog cdr export --from T --to T [--format csv|jsonl] [--output FILE]   booked in that period; totals to standard error
  wattlog cdr totals --from T --to T
  wattlog cdr reconcile [--day 2026-01-31]     sessions that ended on that day (UTC; yesterday) against CDRs and meters; exit code 1
    where a difference has no cause
  wattlog cdr verify                           numbered CDRs against the chain in the log; exit code 0 only if it holds
  wattlog cdr held [--state held|released|corrected|voided]
  wattlog cdr release|void ID --why TEXT       of a held one: issue it as it is, or never
  wattlog cdr correct ID --why TEXT [--energy-wh N] [--started-at T] [--ended-at T] [--excl-vat N --incl-vat N]
    --issued        an issued one: a credit CDR takes it back, a new one takes its place
  wattlog cdr credit ID --why TEXT             take an issued one back, without a new one`,
    options: cdrOptions,
    load: async () => (await import("./cdr.ts")).runCdr,
  },
  {
    name: "privacy",
    arguments: "erase|list",
    help: "Erase who charged with a token, and what was erased.",
    details: `  wattlog privacy erase --token UID   destroy the key that sessions, CDRs, commands and documents of it are sealed under;
    energy, times and money stay. It cannot be undone. Needs WATTLOG_SEAL=on: docs/privacy.md
  wattlog privacy list                when and by whom; of whom stands nowhere`,
    options: { token: { type: "string" } },
    load: async () => (await import("./privacy.ts")).runPrivacy,
  },
  {
    name: "explain",
    arguments: "SESSION [--pdf FILE]",
    help: "A session from its frames to its total: readings, periods, tariff, lines, rounding, each with its reason.",
    details: `  --pdf FILE   write it as a PDF, for a dispute
    The fold and the tariff engine run again over the session's own records. Exit code 1: there is no such session, or
    something is recorded otherwise than these records give it, which is named.`,
    options: { pdf: { type: "string" } },
    load: async () => (await import("./explain.ts")).runExplain,
  },
  {
    name: "price",
    arguments: "--tariff FILE --session FILE",
    help: "An OCPI tariff applied to a session, step by step.",
    details: `  --tariff FILE    an OCPI Tariff object, of 2.2.1 or 2.3.0
  --session FILE   {timeZone, start, end, samples: [{time, energyWh, state, currentA?, powerW?}], reservation?}
    energyWh counts up; state is charging, suspended_ev, suspended_evse or idle and holds, as current (summed over the
    phases) and power do, until the next sample. reservation is {start, end?, expired?}: it ends when charging starts;
    expired means that no charging followed. Exit code 1: the tariff or the session is none; the reasons are told.`,
    options: { tariff: { type: "string" }, session: { type: "string" } },
    load: async () => (await import("./price.ts")).runPrice,
  },
  {
    name: "capacity",
    arguments: "--stations N …",
    help: "Pods, partitions, brokers and bytes for a fleet, from measured costs (docs/capacity.md).",
    details: `  --stations N      charging stations
  --frames F        frames a station sends an hour, on average (22)
  --peak P          the busiest minutes against the average (3)
  --tokens N        in the registry (0)
  --connections N   of a gateway when all are there (10 000)
  --log-days D      that records stay in Kafka before the archive alone has them (7)`,
    options: {
      stations: { type: "string" },
      frames: { type: "string" },
      peak: { type: "string" },
      tokens: { type: "string" },
      connections: { type: "string" },
      "log-days": { type: "string" },
    },
    load: async () => (await import("./capacity.ts")).runCapacity,
  },
  {
    name: "partner",
    arguments: "add|register|list|show|pause|resume|rotate|queue|resync|retry|remove …",
    help: "Roaming partners, by OCPI.",
    details: `  wattlog partner add --country DE --party ABC --role EMSP [--name …]
                            let it in: what it needs is its token A and our versions address
  wattlog partner register --url https://…/versions --token TOKEN
                            register there, with the token that it gave us
  wattlog partner rotate ID   new tokens: exchanged where it is registered, else a new token A
  wattlog partner queue ID    what waits to be pushed to it, what it refused, and why
  wattlog partner resync ID   push everything again: tariffs, locations, open sessions, CDRs without proof of delivery, or
                            that it says it has no more; and read its whole list of tokens
  wattlog partner retry ID    push what it refused again, and do not wait for the next try
  --allow-host HOST         a host of it may lead to private addresses; more than one may be named
  --raw-tokens              it sends and expects tokens as they are, not in Base64 (2.1.1 does so without this)
  --ocpi-version 2.1.1      hold it to a version of OCPI; else the newest that both speak`,
    options: {
      id: { type: "string" },
      country: { type: "string" },
      party: { type: "string" },
      role: { type: "string" },
      name: { type: "string" },
      url: { type: "string" },
      token: { type: "string" },
      "allow-host": { type: "string", multiple: true },
      "raw-tokens": { type: "boolean" },
      "ocpi-version": { type: "string" },
    },
    load: async () => (await import("./partner.ts")).runPartner,
  },
  role("gateway", "The gateway role alone, for a cluster."),
  role("processor", "The processor role alone, for a cluster."),
  role("projector", "The projector role alone, for a cluster."),
  role("api", "The api role alone, for a cluster."),
  role("archiver", "Copies the log to WATTLOG_ARCHIVE and trims it, for a cluster; one process."),
  {
    name: "topics",
    arguments: "[--new-database | --new-generation [--partitions N]]",
    help: "Make and set the cluster's topics; idempotent.",
    details: `  --new-database     the database is lost: the log goes on with the next, empty one, once every process has ended
  --new-generation   under load: the log goes on in new topics, to which every process moves (docs/generations.md)
  --partitions N     of the new generation: as many as now, or more`,
    options: {
      "new-database": { type: "boolean" },
      "new-generation": { type: "boolean" },
      partitions: { type: "string" },
    },
    load: async () => (await import("./cluster.ts")).runTopics,
  },
  {
    name: "migrate",
    arguments: "[--new-log]",
    help: "Bring the schema of the cluster's database up to date; idempotent.",
    details: "  --new-log   the log was restored or mirrored: the database goes on with this copy of it",
    options: { "new-log": { type: "boolean" } },
    load: async () => (await import("./cluster.ts")).runMigrate,
  },
];
