// What became of each row of an import, as it goes: counted, written to the file that was asked for, printed. Nothing here
// grows with the number of rows.
import { once } from "node:events";
import { createWriteStream, type WriteStream } from "node:fs";
import { finished } from "node:stream/promises";

import { messageOf } from "../../core/runtime/errors.ts";
import { WrongUse } from "./command.ts";
import { printTable, say } from "./output.ts";

export const importResults = ["created", "changed", "unchanged", "refused"] as const;

export interface ImportedLine {
  /** Line of the file, or number within its list. */
  readonly line: number;
  readonly id: string;
  readonly result: (typeof importResults)[number];
  /** Of a refused row, where it is about one: the column, or the place in a JSON document. */
  readonly column?: string;
  /** What is wrong and what to do. */
  readonly reason?: string;
}

/** Refused rows that a terminal shows; the others are in the file. */
const shownRows = 20;

export interface ReportOptions {
  /** CSV with line, column, id, result, reason. */
  readonly file: string | undefined;
  readonly json: boolean;
  readonly dryRun: boolean;
  readonly idField: string;
}

export class ImportReport {
  private readonly options: ReportOptions;
  private readonly file: WriteStream | undefined;
  private readonly counts = { created: 0, changed: 0, unchanged: 0, refused: 0 };
  private readonly shown: ImportedLine[] = [];

  /** @throws WrongUse where the file cannot be written. */
  static async open(options: ReportOptions): Promise<ImportReport> {
    if (options.file === undefined) return new ImportReport(options, undefined);
    const file = createWriteStream(options.file);
    try {
      await once(file, "open");
    } catch (error) {
      throw new WrongUse(`--report ${options.file} cannot be written: ${messageOf(error)}.`);
    }
    file.write("line,column,id,result,reason\n");
    return new ImportReport(options, file);
  }

  private constructor(options: ReportOptions, file: WriteStream | undefined) {
    this.options = options;
    this.file = file;
  }

  get total(): number {
    return importResults.reduce((sum, result) => sum + this.counts[result], 0);
  }

  get refused(): number {
    return this.counts.refused;
  }

  /** Waits where a disk or a pipe is slower than the import. */
  async add(rows: readonly ImportedLine[]): Promise<void> {
    const first = this.total === 0;
    for (const row of rows) {
      this.counts[row.result]++;
      if (row.result === "refused" && this.shown.length < shownRows) this.shown.push(row);
    }
    if (rows.length === 0) return;
    if (this.file) await write(this.file, rows.map(csvOf).join(""));
    if (!this.options.json) return;
    const items = rows
      .map((row) => JSON.stringify({ ...row, column: row.column ?? null, reason: row.reason ?? null }))
      .join(",");
    await write(process.stdout, `${first ? '{"rows":[' : ","}${items}`);
  }

  /** @param stopped why not everything was read or imported. */
  async end(stopped?: string): Promise<void> {
    if (this.file) {
      this.file.end();
      await finished(this.file);
    }
    if (this.options.json) {
      const summary = JSON.stringify({ ...this.counts, dryRun: this.options.dryRun, stopped: stopped ?? null });
      process.stdout.write(`${this.total === 0 ? '{"rows":[' : ""}],${summary.slice(1)}\n`);
    } else this.print();
    if (stopped !== undefined) say(stopped);
  }

  private print(): void {
    const { file, dryRun, idField } = this.options;
    const { refused } = this.counts;
    if (refused > 0)
      printTable(this.shown, {
        line: (row) => row.line,
        column: (row) => row.column,
        [idField]: (row) => row.id,
        reason: (row) => row.reason,
      });
    const more = refused - this.shown.length;
    if (more > 0) say(`… and ${more} more; ${file ?? "--report FILE"} has them all.`);
    const counts = importResults.map((result) => `${this.counts[result]} ${result}`).join(", ");
    say(`${dryRun ? "Dry run, nothing was written: " : ""}${counts}, of ${this.total}.`);
  }
}

async function write(stream: NodeJS.WritableStream, text: string): Promise<void> {
  if (!stream.write(text)) await once(stream, "drain");
}

function csvOf({ line, column = "", id, result, reason = "" }: ImportedLine): string {
  return `${line},${quoted(column)},${quoted(id)},${result},${quoted(reason)}\n`;
}

function quoted(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
