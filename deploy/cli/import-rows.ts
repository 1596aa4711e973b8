// What `import` reads: CSV, or JSON as a list or a line a document. CSV and lines of JSON are read as they come; a list, and
// locations, whose lines belong together, are held whole.
import { createReadStream, statSync } from "node:fs";
import { createInterface } from "node:readline";
import { Readable } from "node:stream";

import { messageOf } from "../../core/runtime/errors.ts";
import { BadCell, WrongUse } from "./command.ts";
import { csvLines, type CsvLine } from "./csv.ts";
import type { CsvRow, Doc, Entity } from "./entities.ts";

export interface Refusal {
  /** Empty where it is not told. */
  readonly id: string;
  /** undefined: it is not about one column. */
  readonly column?: string;
  /** What is wrong and what to do. */
  readonly reason: string;
}

export interface Row {
  /** Line of the file, or number within its list. */
  readonly line: number;
  readonly doc: Doc;
  /** The line that a JSON pointer into a document of several lines came from. */
  readonly lineOf?: (path: string) => number;
}

/** A line that is no document is refused before it is sent. */
export type Placed = Row | { readonly line: number; readonly refused: Refusal };

/** A file, or standard input (`-`), and how much of it has been read. */
export class ImportSource {
  readonly name: string;
  /** undefined: nobody knows. */
  readonly size: number | undefined;
  private readonly stream: Readable;
  private bytes = 0;

  /** @throws WrongUse where there is no such file. */
  constructor(file: string) {
    this.name = file;
    try {
      this.size = file === "-" ? undefined : statSync(file).size;
    } catch (error) {
      throw this.unreadable(error);
    }
    this.stream = file === "-" ? process.stdin : createReadStream(file);
  }

  get bytesRead(): number {
    return this.bytes;
  }

  /** @throws WrongUse what is wrong with the file as a whole; a row that is wrong is yielded as a sentence. */
  async *rows(entity: Entity): AsyncGenerator<Placed, void> {
    const rest = this.chunks();
    const start = await beginning(rest);
    const text = start.toString("utf8").replace(/^\uFEFF/, "");
    if (!/^\s*[[{]/.test(text)) return yield* fromCsv(this.name, csvLines(start, rest), entity);
    if (isJson(text.slice(0, text.search(/[\r\n]|$/))) && !text.startsWith("[")) return yield* fromLines(text, rest);
    yield* fromList(this.name, await whole(start, rest));
  }

  private async *chunks(): AsyncGenerator<Buffer, void> {
    try {
      for await (const chunk of this.stream as AsyncIterable<Buffer>) {
        this.bytes += chunk.length;
        yield chunk;
      }
    } catch (error) {
      throw this.unreadable(error);
    }
  }

  private unreadable(error: unknown): WrongUse {
    return new WrongUse(`${this.name} cannot be read: ${messageOf(error)}.`);
  }
}

/** Longest first line: a heading, or one document. */
const firstLineBytes = 1024 * 1024;

async function beginning(rest: AsyncGenerator<Buffer, void>): Promise<Buffer> {
  let start = Buffer.alloc(0);
  while (!start.includes("\n") && start.length < firstLineBytes) {
    const next = await rest.next();
    if (next.done) break;
    start = Buffer.concat([start, next.value]);
  }
  return start;
}

async function whole(start: Buffer, rest: AsyncIterable<Buffer>): Promise<string> {
  const chunks = [start];
  for await (const chunk of rest) chunks.push(chunk);
  return Buffer.concat(chunks)
    .toString("utf8")
    .replace(/^\uFEFF/, "");
}

async function* fromCsv(file: string, lines: AsyncGenerator<CsvLine>, entity: Entity): AsyncGenerator<Placed, void> {
  const first = await lines.next();
  if (first.done) return;
  const heading = first.value.cells;
  checkHeading(file, heading, entity);
  if (entity.severalLines) return yield* grouped(heading, lines, entity);
  for await (const line of lines) yield placed(entity, heading, [line]);
}

/** Lines of one id are one document, wherever they stand. */
async function* grouped(
  heading: readonly string[],
  lines: AsyncIterable<CsvLine>,
  entity: Entity,
): AsyncGenerator<Placed, void> {
  const at = heading.indexOf(entity.idField);
  const all: CsvLine[] = [];
  for await (const line of lines) all.push(line);
  const groups = Map.groupBy(all, ({ cells }) => cells[at] ?? "");
  for (const group of groups.values()) yield placed(entity, heading, group);
}

function checkHeading(file: string, heading: readonly string[], { idField, csvColumns }: Entity): void {
  const takes = `The columns are ${csvColumns.join(", ")}`;
  if (!heading.includes(idField)) {
    throw new WrongUse(`${file} has no column ${idField}; its first line must name the columns. ${takes}.`);
  }
  const unknown = heading.find((name) => !csvColumns.includes(name));
  if (unknown !== undefined) throw new WrongUse(`${file} has a column "${unknown}" that nobody knows. ${takes}.`);
  const twice = heading.find((name, at) => heading.indexOf(name) !== at);
  if (twice !== undefined) throw new WrongUse(`${file} has the column ${twice} twice.`);
}

function placed(entity: Entity, heading: readonly string[], lines: readonly CsvLine[]): Placed {
  const [{ line }] = lines as readonly [CsvLine];
  const odd = lines.find(({ cells }) => cells.length !== heading.length);
  if (odd) {
    const counts = `It has ${odd.cells.length} cells where the heading has ${heading.length}`;
    return refused(odd.line, `${counts}: quote texts that hold the separator, fill up with empty cells.`);
  }
  const rows = lines.map(({ cells }) => rowOf(heading, cells));
  const { severalLines, idField } = entity;
  try {
    const [doc] = entity.fromCsv(rows);
    if (!doc) return refused(line, "It is empty.");
    if (!severalLines) return { line, doc };
    return { line, doc, lineOf: (path) => lines[severalLines(rows, path)]!.line };
  } catch (error) {
    if (!(error instanceof WrongUse)) throw error;
    const column = error instanceof BadCell ? { column: error.column } : {};
    return { line, refused: { id: rows[0]?.[idField] ?? "", reason: error.message, ...column } };
  }
}

function refused(line: number, reason: string): Placed {
  return { line, refused: { id: "", reason } };
}

function rowOf(heading: readonly string[], cells: readonly string[]): CsvRow {
  return Object.fromEntries(heading.map((name, at) => [name, cells[at]!]));
}

async function* fromLines(start: string, rest: AsyncIterable<Buffer>): AsyncGenerator<Placed, void> {
  async function* text(): AsyncGenerator<Buffer> {
    yield Buffer.from(start);
    yield* rest;
  }
  let line = 0;
  for await (const json of createInterface({ input: Readable.from(text(), { objectMode: false }) })) {
    line++;
    if (json.trim() !== "") yield isJson(json) ? documentAt(line, JSON.parse(json)) : refused(line, "It is not JSON.");
  }
}

function* fromList(file: string, text: string): Generator<Placed, void> {
  const value = parseJson(text, file);
  for (const [at, doc] of (Array.isArray(value) ? value : [value]).entries()) yield documentAt(at + 1, doc);
}

function documentAt(line: number, value: unknown): Placed {
  return isDoc(value) ? { line, doc: value } : refused(line, "It is no object: write the fields of one document.");
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** @throws WrongUse in one sentence. */
export function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text.replace(/^\uFEFF/, "")) as unknown;
  } catch (error) {
    throw new WrongUse(`${file} is not JSON: ${messageOf(error)}.`);
  }
}

export function isDoc(value: unknown): value is Doc {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
