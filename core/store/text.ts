/**
 * As both stores keep a text. Postgres has no NUL, SQLite's reader stops at one, and half a surrogate pair has no UTF-8.
 * A station may send either (they are legal JSON), and one frame must not stop a fold: each becomes U+FFFD. The frame
 * itself is in the log, verbatim.
 */
export function asStored(text: string): string {
  const whole = text.toWellFormed();
  return whole.includes("\0") ? whole.replaceAll("\0", "\ufffd") : whole;
}
