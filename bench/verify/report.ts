// What the ledger check says: a line for each of L1 to L5, with how many things it looked at.

export interface Check {
  readonly id: "L1" | "L2" | "L3" | "L4" | "L5";
  readonly title: string;
  readonly ok: boolean;
  /** How many things were looked at. Zero is a failure where the journal declares the kind. */
  readonly checked: number;
  readonly counts: Readonly<Record<string, number>>;
  /** What is wrong, in sentences; the first ones of each kind. */
  readonly problems: readonly string[];
}

export interface VerifyReport {
  readonly ok: boolean;
  readonly journal: {
    readonly lines: number;
    readonly stations: number;
    readonly declared: readonly string[];
    /** Files whose simulator ended by itself. */
    readonly ended: number;
    readonly files: number;
  };
  readonly checks: readonly Check[];
}

const shownOfAKind = 10;

/** Gathers what a line finds. A kind of problem may come a million times; people read the first few. */
export class Findings {
  private readonly counted = new Map<string, number>();
  private readonly sentences: string[] = [];
  private readonly seen = new Map<string, number>();

  count(kind: string, by = 1): void {
    this.counted.set(kind, (this.counted.get(kind) ?? 0) + by);
  }

  get(kind: string): number {
    return this.counted.get(kind) ?? 0;
  }

  /** @param sentence made only for those that are shown. */
  problem(kind: string, sentence: () => string): void {
    const before = this.seen.get(kind) ?? 0;
    this.seen.set(kind, before + 1);
    if (before < shownOfAKind) this.sentences.push(sentence());
  }

  check(id: Check["id"], title: string, checked: number): Check {
    const hidden = [...this.seen].filter(([, times]) => times > shownOfAKind);
    const more = hidden.map(([kind, times]) => `${kind}: ${times - shownOfAKind} more like these.`);
    const problems = [...this.sentences, ...more];
    return { id, title, ok: problems.length === 0, checked, counts: Object.fromEntries(this.counted), problems };
  }
}

/** For people. */
export function formatReport(report: VerifyReport): string {
  const { journal, checks } = report;
  const lines = checks.flatMap((check) => {
    const counts = Object.entries(check.counts).map(([name, count]) => `${name} ${count}`);
    const head = `${check.id}  ${check.ok ? "ok    " : "FAILED"}  ${check.title}: checked ${check.checked}`;
    return [[head, ...counts].join(" · "), ...check.problems.map((problem) => `      ${problem}`)];
  });
  const cut = journal.files - journal.ended;
  const head =
    `journal: ${journal.lines} lines of ${journal.stations} stations in ${journal.files} file(s)` +
    (cut > 0 ? `, ${cut} of them cut off` : "");
  return `${[head, ...lines, report.ok ? "The ledger is clean." : "The ledger is NOT clean."].join("\n")}\n`;
}
