/**
 * Postgres has no NUL in text, and SQLite's reader stops at one. A station may send one (`\u0000` is legal JSON), and
 * one frame must not stop a fold: both stores keep the same replacement. The frame itself is in the log, verbatim.
 */
export function withoutNul(text: string): string {
  return text.includes("\0") ? text.replaceAll("\0", "\ufffd") : text;
}
