// Which suite ran on which adapter, told by what ran. A title that ends with "on <adapter>" (or "on <adapter>: …")
// counts its tests for that adapter; a helper that chooses the adapter inside a test says so by `ranOn` (ran-on.ts).

/** The words for adapters and deployments in titles, in the order of the table. A new adapter is a new word here. */
export const ADAPTERS = [
  "the embedded log",
  "kafkajs",
  "@platformatic/kafka",
  "the embedded log, half archived",
  "@platformatic/kafka, half archived",
  "the embedded bus, one thread",
  "the embedded bus, through ports",
  "Redis",
  "Redis by TLS",
  "Redis Sentinel",
  "Redis Cluster",
  "SQLite",
  "Postgres",
  "Postgres, text ordered as people do",
  "one process",
  "a cluster",
] as const;

export type Adapter = (typeof ADAPTERS)[number];

const everywhere: readonly Adapter[] = ["one process", "a cluster"];

/**
 * What must run where, with at least one test passed; with CI=true anything less fails the run. A name stands for every
 * suite that goes on from it with a comma, and there must be one.
 */
export const REQUIRED: Readonly<Record<string, readonly Adapter[]>> = {
  "EventLog contract": [
    "the embedded log",
    "kafkajs",
    "@platformatic/kafka",
    "the embedded log, half archived",
    "@platformatic/kafka, half archived",
  ],
  "CommandBus contract": [
    "the embedded bus, one thread",
    "the embedded bus, through ports",
    "Redis",
    "Redis by TLS",
    "Redis Sentinel",
    "Redis Cluster",
  ],
  "Store contract": ["SQLite", "Postgres", "Postgres, text ordered as people do"],
  "KeyStore contract": ["SQLite", "Postgres"],
  processors: ["SQLite", "Postgres"],
  projections: ["SQLite", "Postgres"],
  "promise 1": everywhere,
  "promise 2": everywhere,
  "promise 3": everywhere,
  "promise 4": everywhere,
  "promise 5": everywhere,
  "promise 6": everywhere,
  "ocpp-rpc": everywhere,
  "the mobilityhouse kit": everywhere,
  "Java-OCA-OCPP": everywhere,
  "ocpp-ws-cli": ["one process"],
  "ocpp-ws-cli, its fuzzer": everywhere,
};

/** How many tests of a suite passed, failed and were skipped on one adapter. */
export interface AdapterCount {
  readonly suite: string;
  readonly adapter: Adapter;
  passed: number;
  failed: number;
  skipped: number;
}

const words = ADAPTERS.toSorted((a, b) => b.length - a.length).join("|");
const titlePattern = new RegExp(`^(.+?) on (${words})(?:: .*)?$`, "u");

/** "EventLog contract on kafkajs" -> suite and adapter; null for a title that names none. */
export function adapterOfTitle(title: string): { suite: string; adapter: Adapter } | null {
  const match = titlePattern.exec(title);
  return match ? { suite: match[1]!, adapter: match[2] as Adapter } : null;
}

/**
 * Where a test counts: the outermost title that names an adapter, else what its helper said, under the folder's name.
 * @param titles from the outermost describe to the test itself
 * @param file relative to the project
 */
export function placesOf(
  titles: readonly string[],
  told: readonly Adapter[],
  file: string,
): { suite: string; adapter: Adapter }[] {
  for (const title of titles) {
    const named = adapterOfTitle(title);
    if (named) return [named];
  }
  return told.map((adapter) => ({ suite: file.split("/")[0]!, adapter }));
}

/** One line for each suite and adapter, those of one suite together, beginning with those that must run. */
export function countAdapters(counts: readonly AdapterCount[]): AdapterCount[] {
  const rows = new Map<string, AdapterCount>();
  const row = (suite: string, adapter: Adapter): AdapterCount => {
    const key = `${suite}\n${adapter}`;
    const found = rows.get(key) ?? { suite, adapter, passed: 0, failed: 0, skipped: 0 };
    rows.set(key, found);
    return found;
  };
  for (const { suite, adapter, passed, failed, skipped } of counts) {
    const sum = row(suite, adapter);
    sum.passed += passed;
    sum.failed += failed;
    sum.skipped += skipped;
  }
  const names = Object.keys(REQUIRED);
  const rank = (suite: string): number => {
    const place = names.findIndex((name) => isOf(suite, name));
    return place === -1 ? names.length : place;
  };
  const suites = [...new Set([...rows.values()].map(({ suite }) => suite))].toSorted(
    (a, b) => rank(a) - rank(b) || a.localeCompare(b),
  );
  return suites.flatMap((suite) => ADAPTERS.flatMap((adapter) => rows.get(`${suite}\n${adapter}`) ?? []));
}

/** The table, with a line of zeros for what must run and did not. A run that counted nothing has no table. */
export function adapterTable(counts: readonly AdapterCount[], required = REQUIRED): string[] {
  const sums = countAdapters([...counts, ...emptyRows(counts, required)]);
  if (sums.length === 0) return [];
  const suiteWidth = Math.max("suite".length, ...sums.map(({ suite }) => suite.length));
  const adapterWidth = Math.max("ran on".length, ...sums.map(({ adapter }) => adapter.length));
  const line = (suite: string, adapter: string, ...cells: (string | number)[]): string =>
    [suite.padEnd(suiteWidth), adapter.padEnd(adapterWidth), ...cells.map((cell) => String(cell).padStart(7))].join(
      "  ",
    );
  return [
    line("suite", "ran on", "passed", "failed", "skipped"),
    ...sums.map((sum, index) => {
      const suite = sums[index - 1]?.suite === sum.suite ? "" : sum.suite;
      return line(suite, sum.adapter, sum.passed, sum.failed, sum.skipped);
    }),
  ];
}

/** A row of zeros for each place where something must run, whether it did or not. */
function emptyRows(counts: readonly AdapterCount[], required: typeof REQUIRED): AdapterCount[] {
  const suites = [...new Set(counts.map(({ suite }) => suite))];
  return Object.entries(required).flatMap(([name, adapters]) => {
    const found = suites.filter((suite) => isOf(suite, name));
    return (found.length > 0 ? found : [name]).flatMap((suite) =>
      adapters.map((adapter) => ({ suite, adapter, passed: 0, failed: 0, skipped: 0 })),
    );
  });
}

/** What must run where and has no test that passed there: one sentence each. */
export function missingAdapters(counts: readonly AdapterCount[], required = REQUIRED): string[] {
  return countAdapters([...counts, ...emptyRows(counts, required)])
    .filter(({ suite, adapter, passed }) => passed === 0 && isRequired(suite, adapter, required))
    .map(({ suite, adapter }) => `no test of ${suite} has passed on ${adapter}`);
}

function isRequired(suite: string, adapter: Adapter, required: typeof REQUIRED): boolean {
  return Object.entries(required).some(([name, adapters]) => isOf(suite, name) && adapters.includes(adapter));
}

function isOf(suite: string, name: string): boolean {
  return suite === name || suite.startsWith(`${name},`);
}
