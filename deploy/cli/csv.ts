// Lines of a CSV file as they come: RFC 4180, in UTF-8 with or without a mark, separated by comma, semicolon (what a
// spreadsheet makes in half of Europe) or tab, whichever the heading has. A file of any length takes the same memory.
import { Readable, pipeline } from "node:stream";
import { parse } from "csv-parse";

import { messageOf } from "../../core/runtime/errors.ts";
import { WrongUse } from "./command.ts";

export interface CsvLine {
  /** 1 is the heading. */
  readonly line: number;
  /** As many as the line has: whether these are enough is for the reader to say. */
  readonly cells: readonly string[];
}

/**
 * @param start the beginning of the text, its first line in full.
 * @throws WrongUse in one sentence with the line, where the text is not a table (a quote that nobody closed).
 */
export async function* csvLines(start: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<CsvLine> {
  const heading = start.toString("utf8").split(/[\r\n]/, 1)[0]!;
  const delimiter = [";", "\t"].find((candidate) => heading.includes(candidate)) ?? ",";
  const parser = parse({
    bom: true,
    delimiter,
    info: true,
    relax_column_count: true,
    skip_empty_lines: true,
    trim: true,
  });
  // What goes wrong here comes out of the parser.
  pipeline(Readable.from(joined(start, rest), { objectMode: false }), parser, () => undefined);
  try {
    for await (const found of parser) {
      const { info, record } = found as { info: { lines: number }; record: string[] };
      yield { line: info.lines, cells: record };
    }
  } catch (error) {
    throw new WrongUse(`The CSV cannot be read: ${messageOf(error)}.`);
  }
}

async function* joined(start: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  if (start.length > 0) yield start;
  yield* rest;
}
