// CSV for spreadsheets.

export type Cell = string | number | null;

/** What a station or a partner named must not become a formula where somebody opens the file in a spreadsheet. */
export function plainText(value: string | null): string | null {
  return value !== null && /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
}

/** RFC 4180. */
export function csvLine(cells: readonly Cell[]): string {
  const quoted = cells.map((cell) => {
    const plain = String(cell ?? "");
    return /[",\r\n]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
  });
  return `${quoted.join(",")}\r\n`;
}
