// Lines of a CSV file as records of its heading: RFC 4180, in UTF-8 with or without a mark, separated by comma,
// semicolon (what a spreadsheet makes in half of Europe) or tab, whichever the heading has.
import { parse } from "csv-parse/sync";

import { messageOf } from "../../core/runtime/errors.ts";
import { WrongUse } from "./command.ts";

export interface CsvLine {
  /** 1 is the heading. */
  readonly line: number;
  readonly row: Readonly<Record<string, string>>;
}

/** @throws WrongUse in one sentence with the line, where the text is not a table. */
export function parseCsv(text: string): readonly CsvLine[] {
  const heading = text.slice(0, text.search(/[\r\n]|$/));
  const delimiter = [";", "\t"].find((candidate) => heading.includes(candidate)) ?? ",";
  try {
    const found = parse(text, { bom: true, columns: true, delimiter, info: true, skip_empty_lines: true, trim: true });
    return (found as unknown as { info: { lines: number }; record: Record<string, string> }[]).map(
      ({ info, record }) => ({
        line: info.lines,
        row: record,
      }),
    );
  } catch (error) {
    throw new WrongUse(`The CSV cannot be read: ${messageOf(error)}.`);
  }
}
