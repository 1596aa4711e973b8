// How commands speak: tables for people, one JSON value for machines, both on standard output; progress on standard
// error, and only where somebody looks at it.

export type Cell = string | number | null | undefined;

/** @param columns heading -> the cell of a row. Numbers are set to the right. */
export function formatTable<Row>(rows: readonly Row[], columns: Readonly<Record<string, (row: Row) => Cell>>): string {
  const headings = Object.keys(columns);
  const cells = rows.map((row) => headings.map((heading) => columns[heading]!(row)));
  const texts = cells.map((line) => line.map(plain));
  const widths = headings.map((heading, at) => Math.max(heading.length, ...texts.map((line) => line[at]!.length)));
  const right = headings.map((_, at) => cells.length > 0 && cells.every((line) => typeof line[at] === "number"));
  const line = (values: readonly string[]): string =>
    values
      .map((value, at) => (right[at] ? value.padStart(widths[at]!) : value.padEnd(widths[at]!)))
      .join("  ")
      .trimEnd();
  return `${[line(headings), ...texts.map(line)].join("\n")}\n`;
}

// Vendors' and stations' texts reach a terminal here: a control character in one must not drive it.
function plain(cell: Cell): string {
  return cell === null || cell === undefined ? "" : printable(String(cell));
}

export function printable(text: string): string {
  return Array.from(text, (character) => (isControl(character.codePointAt(0)!) ? escaped(character) : character)).join(
    "",
  );
}

/** C0, DEL and C1, and the two line separators that are no control characters by name. */
function isControl(code: number): boolean {
  return code < 0x20 || (code >= 0x7f && code <= 0x9f) || code === 0x2028 || code === 0x2029;
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
}

export function printTable<Row>(rows: readonly Row[], columns: Readonly<Record<string, (row: Row) => Cell>>): void {
  process.stdout.write(formatTable(rows, columns));
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, undefined, process.stdout.isTTY ? 2 : undefined)}\n`);
}

export function say(sentence: string): void {
  process.stderr.write(`${sentence}\n`);
}

const everyMs = 200;

/** One line that is written over on a terminal; elsewhere nothing, or a line now and then where the work takes hours. */
export class Progress {
  private readonly elsewhereEveryMs: number | undefined;
  private last = Number.NEGATIVE_INFINITY;
  private shown = false;

  constructor({ elsewhereEveryMs }: { readonly elsewhereEveryMs?: number } = {}) {
    this.elsewhereEveryMs = elsewhereEveryMs;
  }

  show(line: string): void {
    const now = performance.now();
    const pause = process.stderr.isTTY ? everyMs : this.elsewhereEveryMs;
    if (pause === undefined || now - this.last < pause) return;
    this.last = now;
    if (!process.stderr.isTTY) {
      say(line);
      return;
    }
    this.shown = true;
    process.stderr.write(`\r\x1b[K${line}`);
  }

  clear(): void {
    if (this.shown) process.stderr.write("\r\x1b[K");
    this.shown = false;
  }
}
